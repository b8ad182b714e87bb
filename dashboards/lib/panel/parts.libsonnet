// What panels are made of: queries, descriptions, thresholds, colours, units.
function(lib) {
  local parts = self,
  local colour = import '../colour.libsonnet',
  local units = import '../units.libsonnet',
  local q = lib.promql,

  local datasource = { type: 'prometheus', uid: '${datasource}' },
  local list(value) = if std.isArray(value) then value else [value],

  // The expressions of a panel, without those that nothing feeds.
  expressions(of):: [
    e
    for e in [q.expression(each) for each in list(of)]
    if std.setInter(std.set(e.reads), lib.absent) == []
  ],

  ref_id(index):: std.char(std.codepoint('A') + index),

  target(index, e, instant, format='time_series'):: {
    datasource: datasource,
    editorMode: 'code',
    exemplar: false,
    expr: e.expr,
    format: format,
    instant: instant,
    legendFormat: if e.legend == '' then '__auto' else e.legend,
    range: !instant,
    refId: parts.ref_id(index),
  },
  targets(es, instant, format='time_series'):: std.mapWithIndex(function(i, e) parts.target(i, e, instant, format), es),

  frame(type, title, description, of, height):: {
    type: type,
    title: title,
    description: description,
    datasource: datasource,
    pluginVersion: '12.2.0',
    height:: height,
    // Of 24 columns; the panels of a row that do not say share what is left.
    width:: null,
    // Nothing feeds it: the page leaves it out.
    absent:: of == [],
    transparent: false,
  },
  reduced:: { calcs: ['lastNotNull'], fields: '', values: false },

  // What the reader is told: the meaning, which way is good, and which alerts watch it.
  local directions = {
    high: 'Higher is better.',
    low: 'Lower is better.',
    neither: 'Neither high nor low is good in itself.',
  },
  prose(text):: std.strReplace(std.rstripChars(text, '\n'), '\n', ' '),
  local spoken(legend) = std.join(' ', [word for word in std.split(legend, ' ') if !std.startsWith(word, '{{')]),
  local bullets(es, say) = std.join('\n', ['- **%s**: %s' % [spoken(e.legend), say(e)] for e in es]),
  local meaning(es) =
    local helps = std.set([e.help for e in es]);
    if std.length(helps) == 1 then helps[0] + ' ' else bullets(es, function(e) e.help) + '\n\n',
  local watched(alerts) =
    if alerts == [] then ''
    else '\n\nAlerts: ' + std.join(', ', ['[%s](%s/%s)' % [name, lib.config.links.runbooks, name] for name in alerts]) + '.',
  describe(es, good, description, alerts)::
    (if description == null then meaning(es) else parts.prose(description) + ' ') + directions[good] + watched(alerts),
  // For figures that each say which way is good.
  describe_each(es, alerts)::
    bullets(es, function(e) '%s %s' % [parts.prose(e.help), directions[e.good]]) + watched(alerts),

  // Thresholds: as lines in a graph, and as the colours of a figure that is fine, to be watched or bad.
  local levels(limits) = [
    { value: limits[level[0]], color: level[1] }
    for level in [['warning', colour.warn], ['critical', colour.bad]]
    if std.objectHas(limits, level[0])
  ],
  steps(list):: { mode: 'absolute', steps: list },
  lines(limits)::
    parts.steps([{ value: null, color: 'transparent' }] + std.sort(levels(limits), function(step) step.value)),
  verdict(limits, good)::
    local found = levels(limits), worst = found[std.length(found) - 1].color;
    if good != 'high' then parts.steps([{ value: null, color: colour.ok }] + found)
    else if std.length(found) == 1 then parts.steps([{ value: null, color: worst }, found[0] { color: colour.ok }])
    else parts.steps([{ value: null, color: worst }, found[1] { color: colour.warn }, found[0] { color: colour.ok }]),

  // Money without a label for its currency is in the one of the configuration.
  unit_of(e)::
    local own = units.is_money(e.unit) && !std.setMember('currency', e.labels);
    [{ id: 'unit', value: if own then units.currency(lib.config.currency) else units.grafana(e.unit) }],
  decimals_of(e)::
    local decimals = std.get(e, 'decimals', if e.unit == 'ratio' then 1);
    if decimals == null then [] else [{ id: 'decimals', value: decimals }],
  defaults(properties):: { [property.id]: property.value for property in properties },
  of_query(index, properties):: { matcher: { id: 'byFrameRefID', options: parts.ref_id(index) }, properties: properties },

  // Money: each series has the symbol of the currency that its name ends with, and is stacked with its own currency alone.
  currencies(es, stacked=false):: [
    {
      matcher: { id: 'byRegexp', options: '/\\b%s$/i' % code },
      properties: [{ id: 'unit', value: units.currency(code) }]
                  + (if stacked then [{ id: 'custom.stacking', value: { mode: 'normal', group: code } }] else []),
    }
    for code in units.currencies
    if std.length([e for e in es if units.is_money(e.unit)]) > 0
  ],

  // How a figure is coloured and named: by its limits, by the words for its values, or not at all.
  look(good, limits, states)::
    (if states != null then [{ id: 'mappings', value: [{ type: 'value', options: states }] }] else [])
    + (if limits != null then [{ id: 'thresholds', value: parts.verdict(limits, good) }] else [])
    + (
      if limits == null then [{ id: 'color', value: { mode: 'fixed', fixedColor: 'text' } }]
      else [{ id: 'color', value: { mode: 'thresholds' } }]
    ),

  // Colours of the series whose name has a word: `{ failed: 'bad' }`.
  coloured(colours):: [
    {
      matcher: { id: 'byRegexp', options: '/\\b%s\\b/' % word },
      properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: colour[colours[word]] } }],
    }
    for word in std.objectFields(colours)
  ],

  capital(word):: std.asciiUpper(word[0]) + std.strReplace(word[1:], '_', ' '),
}
