// The same receivers and routes for Grafana's own alerting, as it provisions them from a file: contact points, notification
// policies, mute timings and templates. All is made of Alertmanager's configuration, so that both tell the same people.
function(alertmanager) {
  // Grafana puts values of its environment where a text has a dollar; two are one.
  local plain(value) =
    if std.isString(value) then std.strReplace(value, '$', '$$')
    else if std.isObject(value) then { [key]: plain(value[key]) for key in std.objectFields(value) }
    else if std.isArray(value) then [plain(each) for each in value]
    else value,
  // The same files that Alertmanager reads; Grafana reads them when it starts.
  local secret(file) = '$__file{%s}' % file,

  local token(to) =
    if std.objectHas(to, 'http_config') then {
      authorization_scheme: 'Bearer',
      authorization_credentials: secret(to.http_config.authorization.credentials_file),
    } else {},

  // By Alertmanager's names: Grafana's name, what its form asks for, and the secrets among it.
  local kinds = {
    pagerduty_configs: { type: 'pagerduty', settings(to): plain({
      severity: to.severity,
      class: to.class,
      component: to.component,
      group: to.group,
      summary: to.description,
      client: to.client,
      client_url: to.client_url,
      details: to.details,
    }) + { integrationKey: secret(to.routing_key_file) } },
    slack_configs: { type: 'slack', settings(to): plain({
      recipient: to.channel,
      title: to.title,
      text: to.text,
      color: to.color,
    }) + { url: secret(to.api_url_file) } },
    // Through the mail server of Grafana's own settings.
    email_configs: { type: 'email', settings(to): plain({
      addresses: std.strReplace(to.to, ', ', ';'),
      singleEmail: true,
      subject: to.headers.Subject,
      message: to.text,
    }) },
    sns_configs: { type: 'sns', settings(to): plain({
      [if std.objectHas(to, 'api_url') then 'api_url']: to.api_url,
      sigv4: to.sigv4,
      topic_arn: to.topic_arn,
      subject: to.subject,
      message: to.message,
    }) },
    webhook_configs: { type: 'webhook', settings(to): plain({ url: to.url, httpMethod: 'POST' }) + token(to) },
  },

  // Grafana takes no more than forty characters.
  local uid(name, kind, index) =
    local whole = 'bellwether-%s-%s-%d' % [name, kind, index];
    if std.length(whole) <= 40 then whole else std.md5(whole),

  local contact_point(receiver) = {
    orgId: 1,
    name: receiver.name,
    receivers: std.flattenArrays([
      std.mapWithIndex(function(index, to) {
        uid: uid(receiver.name, kinds[field].type, index),
        type: kinds[field].type,
        settings: kinds[field].settings(to),
        // PagerDuty hears of the end unless told otherwise; so Alertmanager has it too.
        disableResolveMessage: !std.get(to, 'send_resolved', true),
      }, receiver[field])
      for field in std.objectFields(kinds)
      if std.objectHas(receiver, field)
    ]),
  },

  // Grafana has had times in which a policy is active for not as long as times in which it is mute: those are all the others.
  local outside(name) = 'outside-%s' % name,
  local days = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'],
  local day(name) = std.find(name, days)[0],
  local named(range) =
    local ends = std.map(day, std.split(range, ':'));
    [days[number % 7] for number in std.range(ends[0], ends[std.length(ends) - 1])],
  local others(interval) =
    local worked = std.set(std.flatMap(named, interval.weekdays));
    local free = [name for name in days if !std.member(worked, name)];
    local hours = interval.times[0];
    local at(times) = { times: [times], location: interval.location };
    (if free == [] then [] else [{ weekdays: free, location: interval.location }]) +
    (if hours.start_time == '00:00' then [] else [at({ start_time: '00:00', end_time: hours.start_time })]) +
    (if hours.end_time == '24:00' then [] else [at({ start_time: hours.end_time, end_time: '24:00' })]),

  local intervals(route) =
    std.get(route, 'active_time_intervals', []) + std.flatMap(intervals, std.get(route, 'routes', [])),
  local active = std.set(intervals(alertmanager.route)),

  // A contact point that tells nobody is none to Grafana: what would go there goes where all else does, and is always mute.
  local silent = [receiver.name for receiver in alertmanager.receivers if std.length(receiver) == 1],

  local matcher(text) =
    local operator = if std.length(std.findSubstr('=~', text)) > 0 then '=~' else '=';
    local parts = std.splitLimit(text, operator, 1);
    [parts[0], operator, plain(std.stripChars(parts[1], '"'))],

  local policy(route) =
    local nobody = std.member(silent, std.get(route, 'receiver'));
    local mute = std.get(route, 'mute_time_intervals', [])
                 + std.map(outside, std.get(route, 'active_time_intervals', []))
                 + if nobody then ['always'] else [];
    {
      [field]: route[field]
      for field in ['receiver', 'group_by', 'group_wait', 'group_interval', 'repeat_interval', 'continue']
      if std.objectHas(route, field)
    } + {
      [if nobody then 'receiver']: alertmanager.route.receiver,
      [if std.objectHas(route, 'matchers') then 'object_matchers']: std.map(matcher, route.matchers),
      [if mute != [] then 'mute_time_intervals']: mute,
      [if std.objectHas(route, 'routes') then 'routes']: std.map(policy, route.routes),
    },

  apiVersion: 1,
  contactPoints: [contact_point(receiver) for receiver in alertmanager.receivers if std.length(receiver) > 1],
  policies: [{ orgId: 1 } + policy(alertmanager.route)],
  muteTimes: [
    { orgId: 1, name: outside(interval.name), time_intervals: std.flatMap(others, interval.time_intervals) }
    for interval in alertmanager.time_intervals
    if std.member(active, interval.name)
  ] + [
    { orgId: 1, name: interval.name, time_intervals: interval.time_intervals }
    for interval in alertmanager.time_intervals
    if !std.member(active, interval.name)
  ] + if silent == [] then [] else [
    { orgId: 1, name: 'always', time_intervals: [{ times: [{ start_time: '00:00', end_time: '24:00' }] }] },
  ],
  templates: [
    { orgId: 1, name: 'bellwether', template: importstr '../templates/bellwether.tmpl' },
    // In place of silence.tmpl: Grafana has a form of its own.
    { orgId: 1, name: 'bellwether-silence', template: |||
      {{ define "bellwether.silence" -}}
      {{ (index .Alerts 0).SilenceURL }}
      {{- end }}
    ||| },
  ],
}
