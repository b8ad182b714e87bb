// Alertmanager's configuration, from the table of priorities: a route and a receiver for each priority, and for each domain
// that goes elsewhere. Fields of Alertmanager 0.25 only; secrets are files that it reads itself.
function(lib) {
  local receivers = lib.config.receivers,
  local has(name) = std.objectHas(receivers, name) && receivers[name] != null,
  local template(name) = '{{ template "bellwether.%s" . }}' % name,
  local first_alert(annotation) = '{{ (index .Alerts 0).Annotations.%s }}' % annotation,

  // How each receiver is told; those of Alertmanager's integrations that the configuration has.
  local integrations = {
    pagerduty(to): { pagerduty_configs: [{
      routing_key_file: to.routing_key_file,
      url: to.url,
      severity: '{{ .CommonLabels.severity }}',
      class: '{{ .CommonLabels.priority }}',
      component: '{{ .CommonLabels.service }}',
      group: '{{ .CommonLabels.domain }}',
      client: 'Bellwether',
      client_url: first_alert('dashboard_url'),
      description: template('title'),
      details: { text: template('text') },
      links: [
        { href: first_alert('runbook_url'), text: 'Runbook' },
        { href: first_alert('dashboard_url'), text: 'Dashboard' },
      ],
    }] },
    slack(to): { slack_configs: [{
      api_url_file: to.api_url_file,
      channel: to.channel,
      title: template('title'),
      title_link: first_alert('dashboard_url'),
      text: template('text'),
      color: template('colour'),
      send_resolved: true,
      actions: [
        { type: 'button', text: 'Runbook', url: first_alert('runbook_url') },
        { type: 'button', text: 'Dashboard', url: first_alert('dashboard_url') },
      ],
    }] },
    email(to): { email_configs: [{
      smarthost: to.smarthost,
      from: to.from,
      to: to.to,
      require_tls: to.require_tls,
      headers: { Subject: template('title') },
      text: template('text'),
      html: template('html'),
      send_resolved: true,
    } + if to.username == '' then {} else {
      auth_username: to.username,
      auth_password_file: to.password_file,
    }] },
    sms(to): { sns_configs: [{
      topic_arn: to.topic_arn,
      sigv4: { region: to.region },
      subject: template('short'),
      message: template('short'),
      send_resolved: false,
    } + if to.api_url == '' then {} else { api_url: to.api_url }] },
    webhook(to): { webhook_configs: [{ url: to.url, send_resolved: true }] },
    heartbeat(to): { webhook_configs: [{ url: to.url, send_resolved: false }] },
  },

  local people = [name for name in ['pagerduty', 'slack', 'email', 'sms', 'webhook'] if has(name)],

  // Those of the table that the configuration has; if it has none of them, everybody it has, so that no alert goes nowhere.
  local told(wanted) =
    local present = [name for name in wanted if has(name)];
    local chosen = if present == [] then people else present;
    assert chosen != [] : 'receivers: at least one is needed, or nobody is told of anything';
    std.set(chosen + (if has('webhook') then ['webhook'] else [])),

  // The heartbeat is nothing for people: the webhook stands in for a receiver of its own.
  local heartbeat =
    if has('heartbeat') then integrations.heartbeat(receivers.heartbeat)
    else if has('webhook') then integrations.heartbeat(receivers.webhook)
    else {},

  local receiver(name, wanted) = { name: name } + (
    if wanted == ['heartbeat'] then heartbeat
    else std.foldl(function(all, one) all + integrations[one](receivers[one]), told(wanted), {})
  ),

  local route(name) =
    local priority = lib.priorities[name];
    {
      matchers: ['priority="%s"' % name],
      receiver: name,
      group_by: priority.group_by,
      group_wait: priority.group_wait,
      group_interval: priority.group_interval,
      repeat_interval: priority.repeat_interval,
      [if priority.domains != {} then 'routes']: [
        { matchers: ['domain="%s"' % domain], receiver: '%s-%s' % [name, domain] }
        for domain in std.objectFields(priority.domains)
      ],
    },

  local names = std.objectFields(lib.priorities),

  global: { resolve_timeout: '5m' },
  templates: ['templates/*.tmpl'],
  route: {
    // Alerts of somebody else's rules have no priority: somebody has to look at them today.
    receiver: 'P2',
    group_by: ['alertname'],
    group_wait: '1m',
    group_interval: '10m',
    repeat_interval: '12h',
    routes: [route(name) for name in names],
  },
  receivers: std.flattenArrays([
    [receiver(name, lib.priorities[name].receivers)] + [
      receiver('%s-%s' % [name, domain], lib.priorities[name].domains[domain])
      for domain in std.objectFields(lib.priorities[name].domains)
    ]
    for name in names
  ]),
  inhibit_rules: [
    // A thing that is down explains everything else about it.
    {
      source_matchers: ['priority="P0"', 'instance!=""'],
      target_matchers: ['priority=~"P1|P2|P3"', 'instance!=""'],
      equal: ['instance'],
    },
    // The same for what has no instance, such as payments.
    {
      source_matchers: ['priority="P0"', 'instance=""', 'service!=""'],
      target_matchers: ['priority=~"P1|P2|P3"', 'instance=""', 'service!=""'],
      equal: ['service'],
    },
    // Two alerts on one symptom of one thing: only the more urgent is of use.
    {
      source_matchers: ['priority="P1"', 'symptom!=""'],
      target_matchers: ['priority=~"P2|P3"', 'symptom!=""'],
      equal: ['symptom', 'instance', 'service'],
    },
    // The same by the convention of the ecosystem, for rules that come from elsewhere.
    {
      source_matchers: ['severity="critical"'],
      target_matchers: ['severity=~"warning|info"'],
      equal: ['alertname', 'instance', 'service'],
    },
  ],
}
