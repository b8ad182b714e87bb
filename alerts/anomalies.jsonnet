// Anomalies: figures that leave what is usual at this hour of the week, in the direction that is bad. docs/anomalies.md.
// They are hints: something is different, before anybody knows what. None wakes anybody.
function(lib)
  local q = lib.promql;
  local m = lib.metrics;
  local r = lib.records;
  local anomaly = (import 'lib/anomaly.libsonnet')(lib);
  local own = { source: lib.config.source };

  // How often something happened within some time, of the company's own source.
  local happened(metric, over, where={}) = q.sum(q.increase(metric, own + where, over=over), by=['source']);
  local count(name, metric, over, where={}) = {
    chance: 'count',
    of: anomaly.sourced(name, happened(metric, over, where)),
  };
  // The share of what happened that went wrong. Of nothing there is no share.
  local share(bad, all) = {
    chance: 'share',
    unit: 'ratio',
    of: q.sum(lib.rule.fresh(q.divide(bad, q.above(all, 0)))),
    events: q.sum(all),
  };
  // Requests that the application answered. Where it is scraped and tells of none, there were none.
  local http = m.http_server_request_duration_seconds;
  local requests(over, where={}) =
    q.sum(q.increase(http { name: http.name + '_count', type: 'counter' }, where, over=over)) { reads:: [http.name] };
  local scraped = q.greatest(q.value(m.up, { job: lib.config.jobs.app }));
  local mfa = { kind: 'mfa_verification' };

  local rows = {
    'engagement-drop': count('engagement-drop', m.saas_sessions_started_total, '1h') {
      direction: 'down',
      // Three times 0.06 is 18 %, so that a drop of 30 % is seen before the hour that shows it is over.
      relative: 0.06,
      sensitivity: 3,
      floor: 5,
      'for': '5m',
      help: 'Sessions of signed-in users that began within an hour.',
      says: 'sessions that begin',
      impact: 'Users stay away or cannot get in; what keeps them away costs customers later.',
      action: 'Sign in yourself, and look at logins, errors and the last release.',
    },
    'login-failures': count('login-failures', m.auth_failures_total, '15m', { kind: 'login' }) {
      direction: 'up',
      relative: 0.25,
      floor: 10,
      help: 'Attempts to sign in that failed within 15 minutes.',
      says: 'attempts to sign in that fail',
      impact: 'Somebody guesses passwords, or the login is broken for some.',
      action: 'Look at the reasons: wrong passwords for many accounts are an attack, one technical reason is a fault.',
    },
    'mfa-verification': share(
      happened(m.auth_attempts_total, '1h', mfa { outcome: 'failed' }), happened(m.auth_attempts_total, '1h', mfa)
    ) {
      direction: 'up',
      minimum: 10,
      floor: 0.1,
      help: 'Share of the verifications of a second factor that failed within an hour.',
      says: 'verifications of a second factor that fail',
      impact: 'Users with a second factor cannot get in.',
      action: 'Look which method fails: text messages point at their provider, codes from an app at the clock.',
    },
    'notification-delivery': share(
      happened(m.notification_failed_total, '1h'),
      q.plus(happened(m.notification_delivered_total, '1h'), happened(m.notification_failed_total, '1h')),
    ) {
      direction: 'up',
      minimum: 20,
      floor: 0.05,
      help: 'Share of the messages that were given up within an hour, of those that arrived or were given up.',
      says: 'messages that cannot be delivered',
      impact: 'Users miss what they asked to be told.',
      action: 'Look which channel fails and for what reason, then at the status page of who delivers it.',
    },
    disconnects: count('disconnects', m.realtime_disconnects_total, '1h') {
      direction: 'up',
      relative: 0.15,
      floor: 20,
      help: 'Realtime connections that ended within an hour.',
      says: 'realtime connections that end',
      impact: 'Users see changes late, and all who come back at once load the servers.',
      action: 'Look at the reasons, at restarts of the servers and at what was released.',
    },
    'api-latency': {
      direction: 'up',
      unit: 'seconds',
      of: q.quantile(0.95, http, over='15m'),
      relative: 0.125,
      floor: 0.1,
      help: 'Time within which 95 of 100 requests of the last 15 minutes were answered.',
      says: 'time to answer a request',
      impact: 'The product feels slow; soon requests will time out.',
      action: 'Look which route became slower, then at the database and at what was released.',
    },
    'sign-up-funnel': count('sign-up-funnel', m.saas_users_registered_total, '6h') {
      direction: 'down',
      floor: 3,
      'for': '30m',
      help: 'People who registered within six hours.',
      says: 'registrations',
      impact: 'Visitors who wanted to become customers do not.',
      action: 'Sign up yourself, then look at which step of the funnel people stop, and whether fewer come at all.',
    },
    cpu: {
      direction: 'up',
      unit: 'ratio',
      of: q.greatest(q.average(r['instance:node_cpu_used:ratio_rate5m'], over='15m')),
      floor: 0.15,
      help: 'Share of processor time in use on the busiest host, over 15 minutes.',
      says: 'load of the processors',
      impact: 'Something runs that does not run at this hour in other weeks; it slows the rest down.',
      action: 'Find the process on the busiest host, and decide whether it is work or a loop.',
    },
    'error-ratio': {
      direction: 'up',
      chance: 'share',
      unit: 'ratio',
      local failed = { http_response_status_code: '=~5..' },
      local none = q.times(requests('15m'), 0),
      of: q.divide(q.otherwise(requests('15m', failed), none), q.above(requests('15m'), 0)),
      events: requests('15m'),
      minimum: 50,
      floor: 0.005,
      help: 'Share of the requests of 15 minutes that the application answered with a status from 500 on.',
      says: 'requests that fail',
      impact: 'Some users see errors.',
      action: 'Look at the errors by route and at what was released.',
    },
    traffic: {
      direction: 'both',
      chance: 'count',
      of: requests('15m') {
        expr: '(%s or 0 * sum(%s{anomaly="traffic"})) and on () %s == 1' % [super.expr, r['anomaly:expected'].name, scraped.expr],
      },
      floor: 100,
      help: 'Requests to the application within 15 minutes.',
      says: 'requests',
      impact: 'Fewer: users cannot reach the product. More: a campaign, a crawler or an attack.',
      action: 'Fewer: look at probes, DNS and the load balancer. More: look where they come from.',
    },
    'suspicious-transactions': count(
      'suspicious-transactions', m.payment_failures_total, '1h', { reason: '=~.*(card|fraud|stolen|lost|cvc|declin|honor).*' }
    ) {
      direction: 'up',
      relative: 0.25,
      floor: 10,
      help: "Payments that failed within an hour for the card's sake.",
      says: 'payments that fail for the card',
      impact: 'Somebody may be trying stolen cards; each try costs a fee, and card networks count them.',
      action: 'Look whether they come from new accounts and of one country; turn on the challenge of the payment provider.',
    },
  };
  local table = anomaly.table(rows);
  {
    // Figures of up to an hour are looked at each minute, so that one that falls to nothing is seen as it falls.
    interval: '1m',
    anomalies:: table,
    records: anomaly.records(table),
    alerts: anomaly.alerts(table),
  }
