// Panels. What a panel shows is a list of expressions of promql.libsonnet (or gauges of the catalogue), from which its unit and
// its description come. An expression may be told more: `legend`, `decimals`, `dashed` (a line to compare with), and in a strip
// `good` and `limits`. `good` says which way is good: 'high', 'low' or 'neither'. `limits` are an entry of limits.libsonnet.
function(lib) {
  local panel = self,
  local colour = import 'colour.libsonnet',
  local units = import 'units.libsonnet',
  local q = lib.promql,

  local datasource = { type: 'prometheus', uid: '${datasource}' },
  local list(value) = if std.isArray(value) then value else [value],
  local expressions(of) = [q.expression(e) for e in list(of)],
  local ref_id(index) = std.char(std.codepoint('A') + index),

  local target(index, e, instant, format='time_series') = {
    datasource: datasource,
    editorMode: 'code',
    exemplar: false,
    expr: e.expr,
    format: format,
    instant: instant,
    legendFormat: if e.legend == '' then '__auto' else e.legend,
    range: !instant,
    refId: ref_id(index),
  },

  // What the reader is told: the meaning, which way is good, and which alerts watch it.
  local directions = {
    high: 'Higher is better.',
    low: 'Lower is better.',
    neither: 'Neither high nor low is good in itself.',
  },
  local prose(text) = std.strReplace(std.rstripChars(text, '\n'), '\n', ' '),
  local spoken(legend) = std.join(' ', [word for word in std.split(legend, ' ') if !std.startsWith(word, '{{')]),
  local bullets(es, say) = std.join('\n', ['- **%s**: %s' % [spoken(e.legend), say(e)] for e in es]),
  local meaning(es) =
    local helps = std.set([e.help for e in es]);
    if std.length(helps) == 1 then helps[0] + ' ' else bullets(es, function(e) e.help) + '\n\n',
  local watched(alerts) =
    if alerts == [] then ''
    else '\n\nAlerts: ' + std.join(', ', ['[%s](%s/%s)' % [name, lib.config.links.runbooks, name] for name in alerts]) + '.',
  local describe(es, good, description, alerts) =
    (if description == null then meaning(es) else prose(description) + ' ') + directions[good] + watched(alerts),
  // For figures that each say which way is good.
  local describe_each(es, alerts) =
    bullets(es, function(e) '%s %s' % [prose(e.help), directions[e.good]]) + watched(alerts),

  // Thresholds: as lines in a graph, and as the colours of a figure that is fine, to be watched or bad.
  local levels(limits) = [
    { value: limits[level[0]], color: level[1] }
    for level in [['warning', colour.warn], ['critical', colour.bad]]
    if std.objectHas(limits, level[0])
  ],
  local steps(list) = { mode: 'absolute', steps: list },
  local lines(limits) =
    steps([{ value: null, color: 'transparent' }] + std.sort(levels(limits), function(step) step.value)),
  local verdict(limits, good) =
    local found = levels(limits), worst = found[std.length(found) - 1].color;
    if good != 'high' then steps([{ value: null, color: colour.ok }] + found)
    else if std.length(found) == 1 then steps([{ value: null, color: worst }, found[0] { color: colour.ok }])
    else steps([{ value: null, color: worst }, found[1] { color: colour.warn }, found[0] { color: colour.ok }]),

  // Money without a label for its currency is in the one of the configuration.
  local unit_of(e) =
    local own = units.is_money(e.unit) && !std.setMember('currency', e.labels);
    [{ id: 'unit', value: if own then units.currency(lib.config.currency) else units.grafana(e.unit) }],
  local decimals_of(e) =
    local decimals = std.get(e, 'decimals', if e.unit == 'ratio' then 1);
    if decimals == null then [] else [{ id: 'decimals', value: decimals }],
  local defaults(properties) = { [property.id]: property.value for property in properties },
  local of_query(index, properties) = { matcher: { id: 'byFrameRefID', options: ref_id(index) }, properties: properties },

  // Money: each series has the symbol of the currency that its name ends with, and is stacked with its own currency alone.
  local currencies(es, stacked=false) = [
    {
      matcher: { id: 'byRegexp', options: '/\\b%s$/i' % code },
      properties: [{ id: 'unit', value: units.currency(code) }]
                  + (if stacked then [{ id: 'custom.stacking', value: { mode: 'normal', group: code } }] else []),
    }
    for code in units.currencies
    if std.length([e for e in es if units.is_money(e.unit)]) > 0
  ],

  // How a figure is coloured and named: by its limits, by the words for its values, or not at all.
  local look(good, limits, states) =
    (if states != null then [{ id: 'mappings', value: [{ type: 'value', options: states }] }] else [])
    + (if limits != null then [{ id: 'thresholds', value: verdict(limits, good) }] else [])
    + (
      if limits == null then [{ id: 'color', value: { mode: 'fixed', fixedColor: 'text' } }]
      else [{ id: 'color', value: { mode: 'thresholds' } }]
    ),

  local frame(type, title, description, height) = {
    type: type,
    title: title,
    description: description,
    datasource: datasource,
    pluginVersion: '12.2.0',
    height:: height,
    // Of 24 columns; the panels of a row that do not say share what is left.
    width:: null,
    transparent: false,
  },
  local reduced = { calcs: ['lastNotNull'], fields: '', values: false },

  // Words and colours for what is 1 or 0.
  up_or_down:: {
    '1': { text: 'Up', color: colour.ok, index: 0 },
    '0': { text: 'Down', color: colour.bad, index: 1 },
  },

  // One figure, or one figure of each series.
  stat(title, of, good=error 'say which way is good: ' + title, description=null, limits=null, states=null, alerts=[]):
    local es = expressions(of);
    panel.strip(title, [e { good: good, limits: limits, states: states } for e in es], alerts)
    + { description: describe(es, good, description, alerts), options+: { textMode: 'auto' } },

  // Several figures in one panel: a row of tiles on a desk, a block on a phone. Each says for itself which way is good.
  strip(title, of, alerts=[]):
    local es = expressions(of);
    frame('stat', title, describe_each(es, alerts), height=4) {
      targets: std.mapWithIndex(function(i, e) target(i, e, instant=true), es),
      fieldConfig: {
        defaults: defaults(unit_of(es[0])) { noValue: 'No data' },
        overrides: std.mapWithIndex(
          function(i, e) of_query(
            i, unit_of(e) + decimals_of(e) + look(e.good, std.get(e, 'limits'), std.get(e, 'states'))
          ),
          es
        ) + currencies(es),
      },
      options: {
        colorMode: 'value',
        graphMode: 'none',
        justifyMode: 'auto',
        orientation: 'auto',
        percentChangeColorMode: 'standard',
        reduceOptions: reduced,
        showPercentChange: false,
        textMode: 'value_and_name',
        wideLayout: true,
      },
    },

  // Lines over time. `colours` gives a token of colour.libsonnet to the series whose name has the word.
  series(
    title,
    of,
    good=error 'say which way is good: ' + title,
    description=null,
    limits=null,
    alerts=[],
    stacked=false,
    colours={},
    max=null,
  ):
    local es = expressions(of);
    local one = std.uniq([e.unit for e in es]);
    local hue(i, e) =
      if std.get(e, 'dashed', false) then [
        { id: 'color', value: { mode: 'fixed', fixedColor: colour.neutral } },
        { id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 8] } },
        { id: 'custom.fillOpacity', value: 0 },
        { id: 'custom.stacking', value: { mode: 'none', group: 'A' } },
      ] else [{ id: 'color', value: { mode: 'shades', fixedColor: colour.series[i % std.length(colour.series)] } }];
    if std.length(one) > 1 then error 'panel %s: one axis cannot show %s' % [title, std.join(' and ', one)]
    else frame('timeseries', title, describe(es, good, description, alerts), height=8) {
      targets: std.mapWithIndex(function(i, e) target(i, e, instant=false), es),
      fieldConfig: {
        defaults: defaults(unit_of(es[0]) + decimals_of(es[0])) {
          custom: {
            axisSoftMin: 0,
            drawStyle: 'line',
            fillOpacity: if stacked then 50 else 5,
            gradientMode: 'none',
            lineInterpolation: 'linear',
            lineWidth: 1,
            showPoints: 'auto',
            spanNulls: false,
            stacking: { mode: if stacked then 'normal' else 'none', group: 'A' },
            thresholdsStyle: { mode: if limits == null then 'off' else 'dashed' },
          },
          noValue: 'No data',
          thresholds: if limits == null then steps([{ value: null, color: colour.ok }]) else lines(limits),
          [if max != null then 'max']: max,
        },
        overrides: std.mapWithIndex(function(i, e) of_query(i, hue(i, e)), es) + [
          {
            matcher: { id: 'byRegexp', options: '/\\b%s\\b/' % word },
            properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: colour[colours[word]] } }],
          }
          for word in std.objectFields(colours)
        ] + currencies(es, stacked),
      },
      options: {
        legend: { calcs: [], displayMode: 'list', placement: 'bottom', showLegend: true },
        tooltip: { mode: 'multi', sort: 'desc' },
      },
    },

  // One bar for each series, as it is now.
  bars(title, of, good=error 'say which way is good: ' + title, description=null, limits=null, alerts=[], max=null):
    local es = expressions(of);
    frame('bargauge', title, describe(es, good, description, alerts), height=8) {
      targets: std.mapWithIndex(function(i, e) target(i, e, instant=true), es),
      fieldConfig: {
        defaults: defaults(
          unit_of(es[0]) + decimals_of(es[0]) + (
            if limits == null then [{ id: 'color', value: { mode: 'fixed', fixedColor: colour.accent } }]
            else look(good, limits, null)
          )
        ) { min: 0, noValue: 'No data', [if max != null then 'max']: max },
        overrides: currencies(es),
      },
      options: {
        displayMode: 'basic',
        maxVizHeight: 40,
        minVizHeight: 16,
        minVizWidth: 8,
        namePlacement: 'auto',
        orientation: 'horizontal',
        reduceOptions: reduced,
        showUnfilled: true,
        sizing: 'auto',
        valueMode: 'color',
      },
    },

  // One row for each value of the label `by`, one column for each expression, named by its legend.
  table(title, by, of, alerts=[], link=null):
    local es = expressions(of);
    local wrong = [e.expr for e in es if e.labels != [by]];
    if wrong != [] then error 'table %s: the rows are by %s alone, this column is not: %s' % [title, by, wrong[0]]
    else frame('table', title, describe_each(es, alerts), height=8) {
      targets: std.mapWithIndex(function(i, e) target(i, e, instant=true, format='table'), es),
      transformations: [
        { id: 'joinByField', options: { byField: by, mode: 'outer' } },
        {
          id: 'organize',
          options: {
            excludeByName: { Time: true } + { ['Time %d' % (i + 1)]: true for i in std.range(0, std.length(es) - 1) },
            indexByName: {},
            renameByName: { [by]: panel.capital(by) }
                          + { Value: es[0].legend }
                          + { ['Value #' + ref_id(i)]: es[i].legend for i in std.range(0, std.length(es) - 1) },
          },
        },
      ],
      fieldConfig: {
        defaults: { custom: { align: 'auto', filterable: true }, noValue: '–' },
        overrides: [
          {
            matcher: { id: 'byName', options: e.legend },
            properties: unit_of(e) + decimals_of(e) + look(e.good, std.get(e, 'limits'), std.get(e, 'states'))
                        + [{ id: 'custom.cellOptions', value: { type: 'color-text' } }],
          }
          for e in es
        ] + (
          if link == null then [] else [{ matcher: { id: 'byName', options: panel.capital(by) }, properties: [{ id: 'links', value: [link] }] }]
        ),
      },
      options: { cellHeight: 'sm', showHeader: true, sortBy: [{ displayName: panel.capital(by), desc: false }] },
    },

  capital(word):: std.asciiUpper(word[0]) + word[1:],

  // The alerts that fire, and a line that says so when none does.
  firing(title, description, where={}):
    local shown = ['priority', 'alertname', 'domain', 'service'];
    local active = q.count(q.value(lib.metrics.ALERTS, { alertstate: 'firing', alertname: '!=Watchdog' } + where), by=shown);
    local nothing = 'label_replace(vector(0), "priority", "none", "", "")';
    frame('table', title, prose(description), height=8) {
      targets: [target(0, active { expr: '(' + super.expr + ') or on () ' + nothing }, instant=true, format='table')],
      transformations: [{
        id: 'organize',
        options: {
          excludeByName: { Time: true },
          indexByName: { [shown[i]]: i for i in std.range(0, std.length(shown) - 1) } + { Value: std.length(shown) },
          renameByName: { [label]: panel.capital(label) for label in shown } + { alertname: 'Alert', Value: 'Firing' },
        },
      }],
      fieldConfig: {
        defaults: { custom: { align: 'auto', filterable: false }, noValue: '–' },
        overrides: [
          { matcher: { id: 'byName', options: 'Firing' }, properties: [{ id: 'unit', value: 'short' }] },
          {
            matcher: { id: 'byName', options: 'Priority' },
            properties: [
              { id: 'mappings', value: [{ type: 'value', options: panel.priorities }] },
              { id: 'custom.cellOptions', value: { type: 'color-text' } },
            ],
          },
          {
            matcher: { id: 'byName', options: 'Alert' },
            properties: [{
              id: 'links',
              value: [{ title: 'Runbook', url: lib.config.links.runbooks + '/${__value.raw}', targetBlank: true }],
            }],
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
