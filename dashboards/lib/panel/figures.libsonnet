// Figures as they are now: one, several side by side, a bar each, a meter.
function(lib, parts) {
  local figures = self,
  local colour = import '../colour.libsonnet',

  // Words and colours for what is 1 or 0.
  up_or_down:: {
    '1': { text: 'Up', color: colour.ok, index: 0 },
    '0': { text: 'Down', color: colour.bad, index: 1 },
  },
  yes_or_no:: {
    '1': { text: 'Yes', color: colour.ok, index: 0 },
    '0': { text: 'No', color: colour.bad, index: 1 },
  },
  no_or_yes:: {
    '0': { text: 'No', color: colour.ok, index: 0 },
    '1': { text: 'Yes', color: colour.bad, index: 1 },
  },

  // One figure, or one figure of each series.
  stat(title, of, good=error 'say which way is good: ' + title, description=null, limits=null, states=null, alerts=[]):
    local es = parts.expressions(of);
    figures.strip(title, [e { good: good, limits: limits, states: states } for e in es], alerts)
    + { description: parts.describe(es, good, description, alerts, limits), options+: { textMode: 'auto' } },

  // Several figures in one panel: a row of tiles on a desk, a block on a phone. Each says for itself which way is good. Five are the
  // most that can be read on a phone; more are two strips beside each other.
  strip(title, of, alerts=[]):
    local es = parts.expressions(of);
    parts.frame('stat', title, parts.describe_each(es, alerts), es, height=5) {
      targets: parts.targets(es, instant=true),
      fieldConfig: {
        defaults: parts.defaults(parts.unit_of(es[0])) { noValue: 'No data' },
        overrides: std.mapWithIndex(
          function(i, e) parts.of_query(
            i, parts.figure(e) + parts.look(e.good, std.get(e, 'limits'), std.get(e, 'states'))
          ),
          es
        ) + parts.currencies(es),
      },
      options: {
        colorMode: 'value',
        graphMode: 'none',
        justifyMode: 'auto',
        orientation: 'auto',
        percentChangeColorMode: 'standard',
        reduceOptions: parts.reduced,
        showPercentChange: false,
        textMode: 'value_and_name',
        // The name above the figure, however wide the tile.
        wideLayout: false,
      },
    },

  // One bar for each series, as it is now.
  bars(title, of, good=error 'say which way is good: ' + title, description=null, limits=null, alerts=[], max=null):
    local es = parts.expressions(of);
    parts.frame('bargauge', title, parts.describe(es, good, description, alerts, limits), es, height=8) {
      targets: parts.targets(es, instant=true),
      fieldConfig: {
        defaults: parts.defaults(
          parts.figure(es[0]) + (
            if limits == null then [{ id: 'color', value: { mode: 'fixed', fixedColor: colour.accent } }]
            else parts.look(good, limits, null)
          )
        ) { min: 0, noValue: 'No data', [if max != null then 'max']: max },
        overrides: parts.currencies(es),
      },
      options: figures.horizontal { reduceOptions: parts.reduced },
    },

  // The steps of a way that people take, in their order, each with those who got there. The metric has the labels `step` and
  // `position`, by which the bars are ordered: series have no order of their own.
  funnel(title, of, good='high', description=null, alerts=[]):
    local es = parts.expressions(of);
    parts.frame('bargauge', title, parts.describe(es, good, description, alerts), es, height=8) {
      targets: parts.targets(es, instant=true, format='table'),
      transformations: [
        {
          id: 'organize',
          options: {
            excludeByName: { Time: true },
            indexByName: { position: 0, step: 1, Value: 2 },
            renameByName: {},
          },
        },
        { id: 'convertFieldType', options: { conversions: [{ targetField: 'position', destinationType: 'number' }], fields: {} } },
        { id: 'sortBy', options: { fields: {}, sort: [{ field: 'position', desc: false }] } },
        { id: 'organize', options: { excludeByName: { position: true }, indexByName: {}, renameByName: {} } },
      ],
      fieldConfig: {
        defaults: parts.defaults(
          parts.figure(es[0]) + [{ id: 'color', value: { mode: 'fixed', fixedColor: colour.accent } }]
        ) { min: 0, noValue: 'No data' },
        overrides: [],
      },
      options: figures.horizontal { reduceOptions: { calcs: [], fields: '/^Value$/', values: true } },
    },

  horizontal:: {
    displayMode: 'basic',
    maxVizHeight: 40,
    minVizHeight: 16,
    minVizWidth: 8,
    namePlacement: 'auto',
    orientation: 'horizontal',
    showUnfilled: true,
    sizing: 'auto',
    valueMode: 'color',
  },

  // What is left of something that has an end: an error budget, a quota.
  meter(title, of, good=error 'say which way is good: ' + title, limits=error 'a meter needs limits: ' + title, description=null, alerts=[], min=0, max=1):
    local es = parts.expressions(of);
    parts.frame('gauge', title, parts.describe(es, good, description, alerts, limits), es, height=6) {
      targets: parts.targets(es, instant=true),
      fieldConfig: {
        defaults: parts.defaults(parts.figure(es[0]) + parts.look(good, limits, null)) {
          min: min,
          max: max,
          noValue: 'No data',
        },
        overrides: [],
      },
      options: {
        minVizHeight: 75,
        minVizWidth: 75,
        orientation: 'auto',
        reduceOptions: parts.reduced,
        showThresholdLabels: false,
        showThresholdMarkers: true,
        sizing: 'auto',
      },
    },

  // How to read a page, in a few lines of Markdown. One to a page at most.
  note(title, text): parts.frame('text', title, 'How to read this page. It has no figure that could be good or bad.', [null], height=4) {
    datasource:: null,
    options: { code: { language: 'plaintext', showLineNumbers: false, showMiniMap: false }, content: text, mode: 'markdown' },
  },
}
