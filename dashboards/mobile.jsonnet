// For a telephone: is anything on fire, and does money come in? Ten panels at most, one below the other, each of which leads to
// the page on a desk. There is nothing to choose: figures are those of the configured source.
function(lib)
  local m = lib.metrics;
  local r = lib.records;
  local panel = lib.panel;

  local all = lib.promql;
  local q = all.within({ source: lib.config.source });

  local month = { window: '30d' };
  local urgent = all.count(
    all.value(m.ALERTS, { alertstate: 'firing', priority: '=~P0|P1', alertname: '!=Watchdog' })
  );
  local paid(where={}, over='1d') = q.sum(q.increase(m.payment_attempts_total, where, over=over));
  // Few lines, no words below them: a telephone has no room for a legend.
  local bare = { options+: { legend+: { showLegend: false } }, height: 6 };

  lib.board.mobile(
    title='Mobile',
    description='For a telephone: what is on fire, whether money comes in, and whether people can use the product.',
    folder='Meta',
    tags=['meta', 'mobile'],
    time='now-24h',
    refresh='1m',
    down=['executive', 'operations', 'alerts'],
    panels=[
      // Is anything on fire?
      panel.stat(
        'Urgent alerts',
        all.or_zero(urgent) { legend: 'firing' },
        good='low',
        description='Alerts of priority P0 and P1 that fire now.',
        limits={ critical: 1 },
        states={ '0': { text: 'All is well', color: (import 'lib/colour.libsonnet').ok, index: 0 } },
      ) + { options+: { colorMode: 'background' } } + lib.board.leading('alerts'),
      // Do we make money, and do people use it?
      panel.strip('Business', [
        q.sum(m.saas_mrr, by=['currency']) { legend: 'MRR {{currency}}', good: 'high' },
        q.sum(q.value(m.saas_customers, { status: 'active' })) {
          legend: 'Customers',
          help: 'Customers with a subscription that they pay for.',
          good: 'high',
        },
        q.greatest(q.value(m.saas_customer_churn_ratio, month)) { legend: 'Churn, 30 d', good: 'low' },
        q.greatest(m.saas_online_users) { legend: 'Online now', good: 'high' },
        q.divide(paid({ outcome: 'succeeded' }), paid()) {
          legend: 'Payments ok',
          help: 'Payments that succeeded / all whose outcome became known, in 24 hours.',
          good: 'high',
          limits: { critical: 1 - lib.limits.payment_failure_ratio.critical },
        },
      ], alerts=['PaymentFailures']) { height: 8 } + lib.board.leading('executive'),
      // Does it work?
      panel.strip('Service', [
        all.least(m.probe_success) {
          legend: 'Websites',
          help: 'Up when every probed website answered its last probe, down when any did not.',
          good: 'high',
          states: panel.up_or_down,
        },
        q.greatest(q.value(m.auth_login_success_ratio, { window: '1d' })) { legend: 'Logins ok', good: 'high' },
        all.greatest(r['instance:node_cpu_used:ratio_rate5m']) {
          legend: 'Busiest CPU',
          good: 'low',
          limits: lib.limits.host_cpu_ratio,
        },
        all.greatest(r['instance_mountpoint:node_filesystem_used:ratio']) {
          legend: 'Fullest disk',
          good: 'low',
          limits: lib.limits.host_disk_ratio,
        },
      ]) { height: 8 } + lib.board.leading('operations'),
      // How much may still fail this month?
      panel.bars(
        'Error budgets left',
        all.between(all.bottom(6, r['slo:budget_left:ratio30d']), -1, 1),
        good='high',
        description='What is left of the errors that each objective allows in 30 days, of the six with least. Below 0 it is overspent.',
        limits=lib.limits.error_budget_left,
        max=1,
      ) + lib.board.leading('slos'),
      panel.series(
        'Payments per hour',
        [
          paid({ outcome: 'succeeded' }, '1h') { legend: 'succeeded' },
          paid({ outcome: 'failed' }, '1h') { legend: 'failed' },
        ],
        good='neither',
        description='Payments whose outcome became known in the hour before; the lower line are those that failed.',
        colours={ succeeded: 'ok', failed: 'bad' },
      ) + bare + lib.board.leading('revenue'),
      panel.series(
        'People online',
        q.greatest(m.saas_online_users) { legend: 'online' },
        good='high',
      ) + bare + lib.board.leading('business'),
      panel.series(
        'MRR',
        q.sum(m.saas_mrr, by=['currency']),
        good='high',
        description='Monthly recurring revenue, a line for each currency.',
      ) + { height: 6 } + lib.board.leading('revenue'),
      // What exactly is wrong?
      panel.firing(
        'Alerts firing now',
        description='Alerts that fire, the most urgent first: P0 is answered within 15 minutes, P1 within an hour. None is good.',
      ) + {
        // Two or three columns are what a telephone shows.
        transformations: [t { options+: { excludeByName+: { domain: true, Value: true } } } for t in super.transformations],
        options+: { cellHeight: 'md' },
      } + lib.board.leading('alerts'),
    ],
  )
