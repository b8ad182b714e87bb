// The configuration and its defaults. From YAML: `bellwether bundle --config FILE`. From Jsonnet: `mixin { _config+:: {…} }`.
{
  // What money is shown in where a figure has one currency.
  currency: 'USD',
  // Where people reach these; alerts and dashboards link to them. No slash at the end.
  links: {
    grafana: 'http://127.0.0.1:3000',
    runbooks: 'http://127.0.0.1:11042/runbooks',
    prometheus: 'http://127.0.0.1:9090',
    alertmanager: 'http://127.0.0.1:9093',
  },
  // The names under which Prometheus scrapes. `app` is your own application, `prometheus` and `alertmanager` are themselves.
  jobs: {
    bellwether: 'bellwether',
    node: 'node',
    cadvisor: 'cadvisor',
    postgres: 'postgres',
    pgbouncer: 'pgbouncer',
    blackbox: 'blackbox',
    app: 'app',
    prometheus: 'prometheus',
    alertmanager: 'alertmanager',
  },
  // The source of the business's figures where several tell the same: the name of the collector that reads your own database.
  source: 'sql',
  // Labels that every series asked for has to have, such as { environment: 'production' }.
  selector: {},
  // Names of metrics and rules that nothing feeds: what would show or watch them is left out. Set from `collectors` and `packs`.
  absent: [],
  // The month in which the fiscal year begins, 1 to 12.
  fiscal_year_starts: 1,
  // Changes to limits.libsonnet, of the same shape.
  limits: {},
  // Changes to the objectives of alerts/slo.jsonnet, by name: fields to replace, or null to leave one out.
  //   { 'api-latency': { objective: 0.995 }, 'api-availability': { services: { billing: { page: 'P0' } } } }
  slos: {},
  // Changes to the anomalies of alerts/anomalies.jsonnet, by name: fields to replace, or null to leave one out.
  anomalies: {},
  // Planned work, in UTC and each week: what fails in it counts against no objective of `slos`, and nobody is told of alerts on
  // them or on `services`. `days` are 0 (Sunday) to 6.
  //   [{ slos: ['api-availability'], services: ['api'], days: [0], from: '02:00', to: '04:00' }]
  maintenance: [],
  // What a service costs in a month, and the share of it that idles anyway is computed from its load.
  //   { api: { monthly: 240, currency: 'USD' } }
  costs: {},
  // When a service needs more replicas, or fewer: what one replica takes.
  //   { api: { requests_per_second: 50, cpu_ratio: 0.7, latency_seconds: 0.5, replicas: 2 } }
  scaling: {},
  // When people work, for alerts that wait until then. Holidays are dates.
  business_hours: { days: 'monday:friday', from: '09:00', to: '18:00', location: 'UTC', holidays: [] },
  // Alerts of a priority and of domains that are told of in one message: one an hour, or one at a time of business days.
  digests: {
    hourly: { priority: 'P2', domains: ['conversion'] },
    daily: { priority: 'P3', domains: ['product', 'revenue', 'satisfaction'], at: '09:00' },
  },
  // Who is told besides, and after how long, while nobody silences an alert: silencing acknowledges. `receivers` are changes to
  // those below; null leaves a tier out. At once are told the priority's own receivers: of P0 they call who is on call.
  escalation: {
    l2: { after: '5m', priorities: ['P0', 'P1'], receivers: { email: { to: 'l2@example.com' } } },
    l3: { after: '30m', priorities: ['P0', 'P1'], receivers: { email: { to: 'l3@example.com' } } },
    manager: { after: '2h', priorities: ['P0', 'P1'], receivers: { email: { to: 'engineering-manager@example.com' } } },
  },
  // Changes to the table of priorities, of the same shape.
  priorities: {},
  // Changes to alerts, by name: fields to replace, or null to leave the alert out.
  alerts: {},
  // Which services depend on which vendors, by the name of the collector that reads the vendor's status page: while that tells of an
  // outage or of work, nobody is told of the service's P1 to P3.
  //   { payments: ['stripe-status'] }
  depends_on: {},
  // Whether contact points and notification policies for Grafana's own alerting are made too.
  grafana_alerting: false,
  // Who is told. Null leaves a receiver out. Secrets are files that Alertmanager reads, never values.
  receivers: {
    pagerduty: {
      routing_key_file: '/etc/alertmanager/secrets/pagerduty_routing_key',
      url: 'https://events.pagerduty.com/v2/enqueue',
    },
    slack: { api_url_file: '/etc/alertmanager/secrets/slack_api_url', channel: '#alerts' },
    email: {
      smarthost: '127.0.0.1:25',
      from: 'bellwether@example.com',
      to: 'oncall@example.com',
      require_tls: true,
      username: '',
      password_file: '/etc/alertmanager/secrets/smtp_password',
    },
    // AWS SNS; credentials come from Alertmanager's environment or instance role.
    sms: { topic_arn: 'arn:aws:sns:eu-west-1:000000000000:bellwether-p0', region: 'eu-west-1', api_url: '' },
    // Sentry, or what hands on to it, as a webhook; null unless given. `token_file` holds a bearer token, as of the webhook.
    sentry: null,
    webhook: { url: 'http://127.0.0.1:11043/alerts', token_file: '' },
    // What expects the Watchdog every few minutes and calls for help when it stays away; the webhook unless given.
    heartbeat: null,
  },
}
