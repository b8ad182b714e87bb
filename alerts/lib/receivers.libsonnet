// Who is told, and in which words: a receiver of Alertmanager from the kinds of config.receivers. Fields of Alertmanager 0.25
// only; secrets are files that it reads itself.
function(lib) {
  local template(name) = '{{ template "bellwether.%s" . }}' % name,
  local first_alert(annotation) = '{{ (index .Alerts 0).Annotations.%s }}' % annotation,

  local hook(to, send_resolved) = { webhook_configs: [
    { url: to.url, send_resolved: send_resolved } +
    if std.get(to, 'token_file', '') == '' then {}
    else { http_config: { authorization: { type: 'Bearer', credentials_file: to.token_file } } },
  ] },

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
      text: template('slack'),
      fallback: template('title'),
      color: template('colour'),
      send_resolved: true,
      actions: [
        { type: 'button', text: 'Runbook', url: first_alert('runbook_url') },
        { type: 'button', text: 'Dashboard', url: first_alert('dashboard_url') },
        { type: 'button', text: 'Silence', url: template('silence') },
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
    // Both are webhooks: what takes them apart is the receiver's name, so their entries are added up.
    sentry(to): hook(to, true),
    webhook(to): hook(to, true),
  },

  kinds:: ['pagerduty', 'slack', 'email', 'sms', 'sentry', 'webhook'],

  // The kinds that a configuration of receivers has.
  present(receivers):: [kind for kind in self.kinds if std.get(receivers, kind) != null],

  local merge(a, b) = a + { [key]+: b[key] for key in std.objectFields(b) },

  // A receiver that tells `kinds` as `receivers` says.
  of(name, kinds, receivers):: { name: name } + std.foldl(
    function(all, kind) merge(all, integrations[kind](receivers[kind])), kinds, {}
  ),

  // The heartbeat is nothing for people: the webhook stands in for a receiver of its own.
  heartbeat(name, receivers)::
    local to = if std.get(receivers, 'heartbeat') != null then receivers.heartbeat else std.get(receivers, 'webhook');
    { name: name } + if to == null then {} else hook(to, false),
}
