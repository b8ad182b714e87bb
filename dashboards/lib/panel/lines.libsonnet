// Figures over time: lines, lines beside those of a week ago, bands of what was to be expected, heat maps, states.
function(lib, parts) {
  local lines = self,
  local colour = import '../colour.libsonnet',

  local dash = { id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 8] } },
  local plain = [{ id: 'custom.fillOpacity', value: 0 }, { id: 'custom.stacking', value: { mode: 'none', group: 'A' } }],

  // What looks back an hour has a value at least as often: so far apart, in milliseconds, are values still connected. Anything else
  // that is missing is a gap.
  local gap(es) =
    // Not by `std.findSubstr`, which takes four times as long as all the rest of a page.
    local has(text, part) = std.strReplace(text, part, '') != text;
    local hours = [back[1] for back in [['[1h]', 2], ['[3h]', 4], ['[1d]', 26]] for e in es if has(e.expr, back[0])];
    if hours == [] then false else 3600000 * std.foldl(std.max, hours, 0),

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
    local es = parts.expressions(of);
    local one = std.uniq([e.unit for e in es]);
    // Shares may differ by little: with a fixed number of decimals the labels of the axis would repeat.
    local decimals = if es[0].unit == 'ratio' then [] else parts.decimals_of(es[0]);
    local hue(i, e) =
      if std.get(e, 'dashed', false) then
        [{ id: 'color', value: { mode: 'fixed', fixedColor: colour.neutral } }, dash] + plain
      else [{ id: 'color', value: { mode: 'shades', fixedColor: colour.series[i % std.length(colour.series)] } }];
    if std.length(one) > 1 then error 'panel %s: one axis cannot show %s' % [title, std.join(' and ', one)]
    else parts.frame('timeseries', title, parts.describe(es, good, description, alerts, limits), es, height=8) {
      targets: parts.targets(es, instant=false),
      fieldConfig: {
        defaults: parts.defaults(parts.unit_of(es[0]) + decimals) {
          custom: {
            axisSoftMin: 0,
            drawStyle: 'line',
            fillOpacity: if stacked then 50 else 5,
            gradientMode: 'none',
            lineInterpolation: 'linear',
            lineWidth: 1,
            showPoints: 'auto',
            spanNulls: gap(es),
            stacking: { mode: if stacked then 'normal' else 'none', group: 'A' },
            thresholdsStyle: { mode: if limits == null then 'off' else 'dashed' },
          },
          noValue: 'No data',
          thresholds: if limits == null then parts.steps([{ value: null, color: colour.ok }]) else parts.lines(limits),
          [if max != null then 'max']: max,
        },
        overrides: std.mapWithIndex(function(i, e) parts.of_query(i, hue(i, e)), es)
                   + parts.coloured(colours) + parts.currencies(es, stacked),
      },
      options: {
        legend: { calcs: [], displayMode: 'list', placement: 'bottom', showLegend: true },
        tooltip: { mode: 'multi', sort: 'desc' },
      },
    },

  // Lines, and dashed those of a week before. `make` takes the functions of promql.libsonnet and makes the expression:
  //   panel.week('Visitors', function(q) q.sum(q.value(m.web_current_visitors)), good='high')
  week(title, make, good=error 'say which way is good: ' + title, q=lib.promql, description=null, limits=null, alerts=[], max=null):
    local now = make(q), before = make(q.ago('7d'));
    local named(e, word) = e { legend: if e.legend == '' then word else e.legend + ' ' + word };
    lines.series(
      title, [named(now, 'now'), named(before, 'a week before') { dashed: true }], good, description, limits, alerts, max=max
    ),

  // A line within what is to be expected of it: `lower` and `upper` bound the band, `of` is what came, `expected` its middle.
  band(title, of, lower, upper, good=error 'say which way is good: ' + title, expected=null, description=null, limits=null, alerts=[]):
    local es = parts.expressions([
      lower { legend: 'least expected' },
      upper { legend: 'most expected' },
    ] + (if expected == null then [] else [expected { legend: 'expected', dashed: true }]) + [of]);
    local silent = [{ id: 'custom.lineWidth', value: 0 }, { id: 'color', value: { mode: 'fixed', fixedColor: colour.neutral } }];
    local base = lines.series(title, es, good, description, limits, alerts);
    base {
      fieldConfig+: {
        overrides: [parts.of_query(0, silent + plain)]
                   + [parts.of_query(1, silent + [
                     { id: 'custom.fillBelowTo', value: 'least expected' },
                     { id: 'custom.fillOpacity', value: 20 },
                   ])]
                   + super.overrides[2:],
      },
    },

  // How observations are spread over the buckets of a histogram, over time; `of` comes from q.buckets or q.buckets_now.
  heatmap(title, of, unit, good=error 'say which way is good: ' + title, description=error 'say what is spread: ' + title, alerts=[]):
    local es = parts.expressions(of);
    local grafana_unit = (import '../units.libsonnet').grafana(unit);
    parts.frame('heatmap', title, parts.describe(es, good, description, alerts), es, height=8) {
      targets: [target { legendFormat: '{{le}}' } for target in parts.targets(es, instant=false, format='heatmap')],
      fieldConfig: { defaults: { unit: 'short', custom: { hideFrom: { legend: false, tooltip: false, viz: false } } }, overrides: [] },
      options: {
        calculate: false,
        cellGap: 1,
        cellValues: { unit: 'short' },
        color: { exponent: 0.5, fill: colour.accent, mode: 'scheme', reverse: false, scale: 'exponential', scheme: 'Blues', steps: 32 },
        filterValues: { le: 1e-9 },
        legend: { show: true },
        rowsFrame: { layout: 'auto' },
        showValue: 'never',
        tooltip: { mode: 'single', showColorScale: false, yHistogram: false },
        yAxis: { axisPlacement: 'left', reverse: false, unit: grafana_unit },
      },
    },

  // What state each of several things was in, over time. `states` has words and colours by value.
  timeline(title, of, states, good='neither', description=null, alerts=[]):
    local es = parts.expressions(of);
    parts.frame('state-timeline', title, parts.describe(es, good, description, alerts), es, height=8) {
      targets: parts.targets(es, instant=false),
      fieldConfig: {
        defaults: {
          color: { mode: 'thresholds' },
          custom: { fillOpacity: 70, lineWidth: 0 },
          mappings: [{ type: 'value', options: states }],
          noValue: 'No data',
          thresholds: parts.steps([{ value: null, color: colour.neutral }]),
          unit: 'short',
        },
        overrides: [],
      },
      options: {
        alignValue: 'left',
        legend: { displayMode: 'list', placement: 'bottom', showLegend: false },
        mergeValues: true,
        rowHeight: 0.8,
        showValue: 'auto',
        tooltip: { mode: 'single', sort: 'none' },
      },
    },
}
