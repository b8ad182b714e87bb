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
  // dashboard       uid of the dashboard to look at; `dashboard_labels` (default: instance) preset its variables: labels after
  //                 which they are named, or an object of labels by their names
  // for             how long it must hold; not given where the expression's own window is delay enough
  alert(fields)::
    local missing = [name for name in required if !std.objectHas(fields, name)];
    local unknown = [name for name in std.objectFields(fields) if !std.member(required + optional, name)];
    assert missing == [] : 'an alert lacks %s' % std.join(', ', missing);
    assert unknown == [] : 'an alert has no field %s' % std.join(', ', unknown);
    fields,

  // Only as long as the figures are fresh: an expression without the series of sources whose last figures came some time ago and
  // whose last run failed, since they describe the past. `by` is the label that names the collector. One that is polled once an
  // hour is as fresh as it can be while its last run succeeded.
  local q = lib.promql,
  local last_success = q.greatest(lib.metrics.bellwether_collector_last_success_timestamp_seconds, by=['collector']),
  local stale = q.above(q.age(last_success), lib.limits.source_age_seconds.warning),
  local up = q.greatest(lib.metrics.bellwether_collector_up, by=['collector']),
  fresh(expr, by='source')::
    local e = q.expression(expr);
    e {
      // Here and below not by `%`, which Jsonnet is slow at.
      expr: '(' + std.rstripChars(e.expr, '\n') + ')\nunless on (' + by + ') label_replace(\n  ' + stale.expr
            + ' unless on (collector) (' + up.expr + ') == 1,\n  "' + by + '", "$1", "collector", "(.*)"\n)\n',
      reads:: e.reads + stale.reads + up.reads,
    },

  // Only what equals a number: 0 for what is down.
  is(of, number):: local e = lib.promql.expression(of); e { expr: '(%s) == %g' % [e.expr, number] },

  // A number of seconds in words: 24 hours.
  span(seconds):: if seconds % 86400 == 0 && seconds > 86400 then '%d days' % (seconds / 86400) else '%g hours' % (seconds / 3600),

  // A recording rule, described like a metric so that panels can treat it as one: `labels` are those that its series have.
  // `expr` makes them; several `rules`, each with an `expr` and labels that it `sets`, where they come from different places.
  record(fields):: { type: 'gauge', unit: '', labels: [] } + fields,

  local text_of(expr) = std.rstripChars(if std.isObject(expr) then expr.expr else expr, '\n'),

  local changed(name, fields) =
    local change = std.get(lib.config.alerts, name, {});
    if change == null then null else if change == {} then fields else std.mergePatch(fields, change),

  local dashboard_url(fields) =
    local labels = if std.objectHas(fields, 'dashboard_labels') then fields.dashboard_labels else ['instance'];
    local by_name = if std.isArray(labels) then { [label]: label for label in labels } else labels;
    local variables = [
      'var-' + name + '={{ $labels.' + by_name[name] + ' | urlquery }}'
      for name in std.objectFields(by_name)
    ];
    local page = fields.dashboard + (if variables == [] then '' else '?' + std.join('&', variables));
    // That page lists whatever fires, and so is always there.
    lib.config.links.grafana + '/d/' + (if lib.is_left_out(fields.dashboard) then 'alerts' else page),

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
        runbook_url: lib.config.links.runbooks + '/' + name,
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
