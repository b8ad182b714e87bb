// Figures in rows and columns: a column for each figure, a ranking, cohorts, the alerts that fire.
function(lib, parts) {
  local tables = self,
  local colour = import '../colour.libsonnet',
  local q = lib.promql,

  // Money beside a column that says its currency, to the unit: `12,345`.
  local written(e) =
    if std.startsWith(e.unit, 'currency') && std.setMember('currency', e.labels) then
      [{ id: 'unit', value: 'locale' }, { id: 'decimals', value: std.get(e, 'decimals', 0) }]
    else parts.figure(e),

  local linked(label, link) =
    if link == null then []
    else [{ matcher: { id: 'byName', options: parts.capital(label) }, properties: [{ id: 'links', value: [link] }] }],

  // One row for each value of the label `by`, one column for each expression, named by its legend.
  table(title, by, of, alerts=[], link=null):
    local es = parts.expressions(of);
    local wrong = [e.expr for e in es if e.labels != [by]];
    local several = std.length(es) > 1;
    if wrong != [] then error 'table %s: the rows are by %s alone, this column is not: %s' % [title, by, wrong[0]]
    else parts.frame('table', title, parts.describe_each(es, alerts), es, height=8) {
      targets: parts.targets(es, instant=true, format='table'),
      transformations: (if several then [{ id: 'joinByField', options: { byField: by, mode: 'outer' } }] else []) + [
        {
          id: 'organize',
          options: {
            excludeByName: { Time: true } + { ['Time ' + (i + 1)]: true for i in std.range(0, std.length(es) - 1) },
            indexByName: {},
            renameByName: { [by]: parts.capital(by) }
                          + { Value: es[0].legend }
                          + { ['Value #' + parts.ref_id(i)]: es[i].legend for i in std.range(0, std.length(es) - 1) },
          },
        },
      ],
      fieldConfig: {
        defaults: { custom: { align: 'auto', filterable: true, minWidth: 80 }, noValue: '–' },
        overrides: [
          {
            matcher: { id: 'byName', options: e.legend },
            properties: written(e) + parts.look(e.good, std.get(e, 'limits'), std.get(e, 'states'))
                        + [{ id: 'custom.cellOptions', value: { type: 'color-text' } }],
          }
          for e in es
        ] + linked(by, link),
      },
      options: { cellHeight: 'sm', showHeader: true, sortBy: [{ displayName: parts.capital(by), desc: false }] },
    },

  // The series of one expression as rows: a column for each of its labels in `by`, and its value as a bar in the cell. The
  // greatest come first, or with `least_first` the least.
  ranking(title, of, by, value=error 'name the column of values: ' + title, good=error 'say which way is good: ' + title, description=null, limits=null, states=null, alerts=[], link=null, least_first=false):
    local es = parts.expressions(of);
    local e = es[0];
    local unknown = [label for label in by if !std.member(e.labels, label)];
    if es != [] && unknown != [] then error 'ranking %s: there is no label %s in %s' % [title, unknown[0], e.expr]
    else parts.frame('table', title, parts.describe(es, good, description, alerts, limits), es, height=8) {
      targets: parts.targets(es, instant=true, format='table'),
      transformations: [{
        id: 'organize',
        options: {
          excludeByName: { Time: true } + { [label]: true for label in e.labels if !std.member(by, label) },
          indexByName: { [by[i]]: i for i in std.range(0, std.length(by) - 1) } + { Value: std.length(by) },
          renameByName: { [label]: parts.capital(label) for label in by } + { Value: value },
        },
      }],
      fieldConfig: {
        defaults: { custom: { align: 'auto', filterable: true, minWidth: 80 }, noValue: '–' },
        overrides: [
          {
            matcher: { id: 'byName', options: value },
            properties: written(e) + parts.look(good, limits, states) + [
              { id: 'min', value: 0 },
              {
                id: 'custom.cellOptions',
                value: if states == null && limits == null then { type: 'gauge', mode: 'basic', valueDisplayMode: 'text' } else { type: 'color-text' },
              },
            ] + (if states == null && limits == null then [{ id: 'color', value: { mode: 'fixed', fixedColor: colour.accent } }] else []),
          },
        ] + linked(by[0], link),
      },
      options: { cellHeight: 'sm', showHeader: true, sortBy: [{ displayName: value, desc: !least_first }] },
    },

  // Cohorts: a row for each of `row`, a column for each of `column`, coloured by value.
  cohorts(title, of, row, column, good='high', description=null, limits=null, alerts=[]):
    local es = parts.expressions(of);
    local corner = row + '\\' + column;
    parts.frame('table', title, parts.describe(es, good, description, alerts, limits), es, height=12) {
      targets: parts.targets(es, instant=true, format='table'),
      transformations: [
        // Columns come in the order of the rows that they are made of; as text, 10 comes before 2.
        { id: 'convertFieldType', options: { conversions: [{ targetField: column, destinationType: 'number' }], fields: {} } },
        { id: 'sortBy', options: { fields: {}, sort: [{ field: column, desc: false }] } },
        {
          id: 'groupingToMatrix',
          options: { columnField: column, rowField: row, valueField: 'Value', emptyValue: 'null' },
        },
        { id: 'sortBy', options: { fields: {}, sort: [{ field: corner, desc: true }] } },
      ],
      fieldConfig: {
        defaults: parts.defaults(parts.unit_of(es[0]) + [{ id: 'decimals', value: 0 }]) {
          color: { mode: 'continuous-BlPu' },
          custom: { align: 'center', cellOptions: { type: 'color-background', mode: 'basic' }, filterable: false, minWidth: 50 },
          min: 0,
          max: 1,
          noValue: '',
        },
        overrides: [{
          matcher: { id: 'byName', options: corner },
          properties: [
            { id: 'displayName', value: parts.capital(row) },
            { id: 'custom.cellOptions', value: { type: 'auto' } },
            { id: 'custom.width', value: 110 },
          ],
        }],
      },
      options: { cellHeight: 'sm', showHeader: true, sortBy: [] },
    },

  // The alerts that fire, and a line that says so when none does.
  firing(title, description, where={}):
    local shown = ['priority', 'alertname', 'domain', 'service'];
    local active = q.count(q.value(lib.metrics.ALERTS, { alertstate: 'firing', alertname: '!=Watchdog' } + where), by=shown);
    local nothing = 'label_replace(vector(0), "priority", "none", "", "")';
    parts.frame('table', title, parts.prose(description), [active], height=8) {
      targets: parts.targets([active { expr: '(' + super.expr + ') or on () ' + nothing }], instant=true, format='table'),
      transformations: [{
        id: 'organize',
        options: {
          excludeByName: { Time: true },
          indexByName: { [shown[i]]: i for i in std.range(0, std.length(shown) - 1) } + { Value: std.length(shown) },
          renameByName: { [label]: parts.capital(label) for label in shown } + { alertname: 'Alert', Value: 'Firing' },
        },
      }],
      fieldConfig: {
        defaults: { custom: { align: 'auto', filterable: false, minWidth: 80 }, noValue: '–' },
        overrides: [
          { matcher: { id: 'byName', options: 'Firing' }, properties: [{ id: 'unit', value: 'short' }, { id: 'custom.width', value: 70 }] },
          {
            matcher: { id: 'byName', options: 'Priority' },
            properties: [
              { id: 'mappings', value: [{ type: 'value', options: tables.priorities }] },
              { id: 'custom.width', value: 90 },
              { id: 'custom.cellOptions', value: { type: 'color-text' } },
            ],
          },
          {
            matcher: { id: 'byName', options: 'Alert' },
            properties: [{
              id: 'links',
              value: [{ title: 'Runbook', url: lib.config.links.runbooks + '/${__value.raw}', targetBlank: true }],
            }, { id: 'custom.minWidth', value: 180 }],
          },
        ],
      },
      options: { cellHeight: 'sm', showHeader: true, sortBy: [{ displayName: 'Priority', desc: false }] },
    },

  priorities:: {
    none: { text: 'None fires', color: colour.ok, index: 4 },
    P0: { text: 'P0', color: colour.bad, index: 0 },
    P1: { text: 'P1', color: colour.bad, index: 1 },
    P2: { text: 'P2', color: colour.warn, index: 2 },
    P3: { text: 'P3', color: colour.neutral, index: 3 },
  },
}
