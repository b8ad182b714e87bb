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
    if lib.all_fed(e.reads)
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

  // Texts are joined by `+`: Jsonnet is slow at `%`, and a page has hundreds of them.

  // What the reader is told: the meaning, which way is good, and which alerts watch it.
  local directions = {
    high: 'Higher is better.',
    low: 'Lower is better.',
    neither: 'Neither high nor low is good in itself.',
  },
  prose(text):: std.strReplace(std.rstripChars(text, '\n'), '\n', ' '),
  local spoken(legend) = std.join(' ', [word for word in std.split(legend, ' ') if !std.startsWith(word, '{{')]),
  local bullets(es, say) = std.join('\n', ['- **' + spoken(e.legend) + '**: ' + say(e) for e in es]),
  local meaning(es) =
    local helps = std.set([e.help for e in es]);
    if std.length(helps) == 1 then helps[0] + ' ' else bullets(es, function(e) e.help) + '\n\n',
  // The alerts that a panel names, and those that fire at a limit that it draws; but none that the configuration leaves out.
  local watched(alerts, limits) =
    local at(limit) = if limit == null || !std.objectHasAll(limit, 'alerts') then [] else limit.alerts;
    local add(names, name) = if std.member(names, name) || std.get(lib.config.alerts, name, {}) == null then names else names + [name];
    local names = std.foldl(add, alerts + std.flatMap(at, limits), []);
    if names == [] then ''
    else '\n\nAlerts: ' + std.join(', ', ['[' + name + '](' + lib.config.links.runbooks + '/' + name + ')' for name in names]) + '.',
  describe(es, good, description, alerts, limits=null)::
    (if description == null then meaning(es) else parts.prose(description) + ' ') + directions[good] + watched(alerts, [limits]),
  // For figures that each say which way is good.
  describe_each(es, alerts)::
    bullets(es, function(e) parts.prose(e.help) + ' ' + directions[e.good])
    + watched(alerts, [std.get(e, 'limits') for e in es]),

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
  // Of a figure, which has room for all its digits: a count is `1,390` and not 1.39 K.
  figure(e)::
    if e.unit == '' && (std.objectHasAll(e, 'whole') || std.get(e, 'decimals') == 0) then
      [{ id: 'unit', value: 'locale' }, { id: 'decimals', value: 0 }]
    else parts.unit_of(e) + parts.decimals_of(e),
  defaults(properties):: { [property.id]: property.value for property in properties },
  of_query(index, properties):: { matcher: { id: 'byFrameRefID', options: parts.ref_id(index) }, properties: properties },

  // A legend as a regular expression for the names that Grafana makes of it, `{{currency}}` left as it is.
  local pattern(legend) =
    local escape(text, sign) = std.strReplace(text, sign, '\\' + sign);
    local written(part) =
      local ends = std.findSubstr('}}', part);
      if ends == [] then part
      else (if part[:ends[0]] == 'currency' then '{{currency}}' else '.*') + part[ends[0] + 2:];
    std.join('', [written(part) for part in std.split(std.foldl(escape, std.stringChars('\\.+*?()[]|^$/'), legend), '{{')]),
  // Money: each series has the symbol of the currency in its name, and is stacked with its own currency alone. What is no money
  // has none, though it may be told by currency too.
  currencies(es, stacked=false)::
    local is_told(e) = units.is_money(e.unit) && std.length(std.findSubstr('{{currency}}', e.legend)) > 0;
    local patterns = std.join('|', [pattern(legend) for legend in std.set([e.legend for e in es if is_told(e)])]);
    if patterns == '' then [] else [
      {
        matcher: { id: 'byRegexp', options: '/^(' + std.strReplace(patterns, '{{currency}}', code) + ')$/i' },
        properties: [{ id: 'unit', value: units.currency(code) }]
                    + (if stacked then [{ id: 'custom.stacking', value: { mode: 'normal', group: code } }] else []),
      }
      for code in units.currencies
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
      matcher: { id: 'byRegexp', options: '/\\b' + word + '\\b/' },
      properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: colour[colours[word]] } }],
    }
    for word in std.objectFields(colours)
  ],

  // A label as the heading of a column.
  capital(word)::
    local plain = {
      alertname: 'Alert',
      datname: 'Database',
      http_response_status_code: 'Status',
      http_route: 'Route',
      indexrelname: 'Index',
      os: 'System',
      queryid: 'Statement',
      relname: 'Table',
      schemaname: 'Schema',
      slo: 'SLO',
      utm_campaign: 'Campaign',
      utm_medium: 'Medium',
      utm_source: 'Source',
    };
    std.get(plain, word, std.asciiUpper(word[0]) + std.strReplace(word[1:], '_', ' ')),
}
