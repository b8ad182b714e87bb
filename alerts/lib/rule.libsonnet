// Alerts and recording rules as alerts/*.jsonnet state them, and as Prometheus reads them.
//
// An alert is stated by its cause and by what a person needs to know; labels, links and severity follow from that here. They
// are kept as an object by name, so that a configuration can change one field of one alert.
function(lib) {
  local required = ['expr', 'priority', 'domain', 'service', 'summary', 'description', 'impact', 'action', 'dashboard'],
  local optional = ['for', 'keep_firing_for', 'dashboard_labels', 'labels', 'annotations'],

  // expr            an expression of lib.promql, or PromQL in which metrics are named through lib.metrics and lib.records;
  //                 numbers come from lib.limits
  // priority        P0 to P3: severity and receivers follow
  // domain, service what part of the company, and what thing in it; both are labels that routes and inhibitions use
  // summary         one sentence that holds for every instance; description has the value and the labels
  // impact, action  who is hurt, and the first thing to do
  // dashboard       uid of the dashboard to look at; `dashboard_labels` (default: instance) preset its variables
  // for             how long it must hold; not given where the expression's own window is delay enough
  alert(fields)::
    local missing = [name for name in required if !std.objectHas(fields, name)];
    local unknown = [name for name in std.objectFields(fields) if !std.member(required + optional, name)];
    assert missing == [] : 'an alert lacks %s' % std.join(', ', missing);
    assert unknown == [] : 'an alert has no field %s' % std.join(', ', unknown);
    fields,

  // Only as long as the figures are fresh: an expression without the series of sources that were not read for some time, since
  // their figures describe the past. `by` is the label that names the collector.
  fresh(expr, by='source')::
    local q = lib.promql, e = q.expression(expr);
    local stale = q.above(
      q.age(q.greatest(lib.metrics.bellwether_collector_last_success_timestamp_seconds, by=['collector'])),
      lib.limits.source_age_seconds.warning
    );
    e {
      expr: '(%s)\nunless on (%s) label_replace(\n  %s,\n  "%s", "$1", "collector", "(.*)"\n)' % [e.expr, by, stale.expr, by],
      reads:: e.reads + stale.reads,
    },

  // A number of seconds in words: 24 hours.
  span(seconds):: if seconds % 86400 == 0 && seconds > 86400 then '%d days' % (seconds / 86400) else '%g hours' % (seconds / 3600),

  // A recording rule, described like a metric so that panels can treat it as one: `labels` are those that its series have.
  // `expr` makes them; several `rules`, each with an `expr` and labels that it `sets`, where they come from different places.
  record(fields):: { type: 'gauge', labels: [] } + fields,

  local text_of(expr) = std.rstripChars(if std.isObject(expr) then expr.expr else expr, '\n'),

  local changed(name, fields) =
    local change = if std.objectHas(lib.config.alerts, name) then lib.config.alerts[name] else {};
    if change == null then null else std.mergePatch(fields, change),

  local dashboard_url(fields) =
    local labels = if std.objectHas(fields, 'dashboard_labels') then fields.dashboard_labels else ['instance'];
    local variables = ['var-%s={{ $labels.%s | urlquery }}' % [label, label] for label in labels];
    '%s/d/%s%s' % [lib.config.links.grafana, fields.dashboard, if labels == [] then '' else '?' + std.join('&', variables)],

  local optional_field(fields, name) = if std.objectHas(fields, name) then { [name]: fields[name] } else {},

  local alert_rule(name, fields, runbooks) =
    assert std.objectHas(lib.priorities, fields.priority) : '%s: there is no priority %s' % [name, fields.priority];
    assert std.objectHas(runbooks, name) : '%s has no runbook: write alerts/runbooks/%s.md' % [name, name];
    {
      alert: name,
      expr: text_of(fields.expr),
      labels: {
        priority: fields.priority,
        severity: lib.priorities[fields.priority].severity,
        domain: fields.domain,
        service: fields.service,
      } + (if std.objectHas(fields, 'labels') then fields.labels else {}),
      annotations: {
        summary: fields.summary,
        description: fields.description,
        impact: fields.impact,
        action: fields.action,
        runbook_url: '%s/%s' % [lib.config.links.runbooks, name],
        dashboard_url: dashboard_url(fields),
      } + (if std.objectHas(fields, 'annotations') then fields.annotations else {}),
    } + optional_field(fields, 'for') + optional_field(fields, 'keep_firing_for'),

  // An area is evaluated as often as Prometheus says, unless it has an `interval` of its own.
  local groups(areas, rules_of) = {
    groups: [
      { name: area, rules: rules_of(areas[area]) } + optional_field(areas[area], 'interval')
      for area in std.objectFields(areas)
      if rules_of(areas[area]) != []
    ],
  },

  // Of all areas, by name: the groups of their alerts. `runbooks` holds a text for every alert.
  alert_groups(areas, runbooks)::
    local known = std.set(std.flattenArrays([
      std.objectFields(areas[area].alerts)
      for area in std.objectFields(areas)
      if std.objectHas(areas[area], 'alerts')
    ]));
    local strangers = [name for name in std.objectFields(lib.config.alerts) if !std.setMember(name, known)];
    assert strangers == [] : 'alerts: there is no alert %s' % std.join(', ', strangers);
    groups(areas, function(area) [
      alert_rule(name, changed(name, area.alerts[name]), runbooks)
      for name in (if std.objectHas(area, 'alerts') then std.objectFields(area.alerts) else [])
      if changed(name, area.alerts[name]) != null
    ]),

  // Of all areas, by name: the groups of their recording rules.
  record_groups(areas):: groups(areas, function(area) [
    { record: name, expr: text_of(rule.expr) } + (if std.objectHas(rule, 'sets') then { labels: rule.sets } else {})
    for name in (if std.objectHas(area, 'records') then std.objectFields(area.records) else [])
    for rule in (if std.objectHas(area.records[name], 'rules') then area.records[name].rules else [area.records[name]])
  ]),
}
