// For those who run the company: how does the business do, and does anything stand in its way?
function(lib)
  local m = lib.metrics;
  local r = lib.records;
  // Several sources may tell the same figure, which must not be added up.
  local q = lib.promql.within({ source: lib.config.source });
  local panel = lib.panel;

  local month = { window: '30d' };
  local urgent = q.count(
    q.value(m.ALERTS, { alertstate: 'firing', priority: '=~P0|P1', alertname: '!=Watchdog' })
  );
  local succeeded = q.sum(q.increase(m.payment_attempts_total, { outcome: 'succeeded' }, over='1d'));
  local attempted = q.sum(q.increase(m.payment_attempts_total, over='1d'));
  local failing = r['source:payment_failures:ratio_rate5m'];

  lib.board.page(
    title='Executive',
    description='Revenue, customers, payments and availability for those who run the company. Problems first, detail below.',
    folder='Business',
    tags=['business', 'executive'],
    time='now-7d',
    refresh='1m',
    rows=[
      [
        // Are we well?
        panel.strip('The business now', [
          q.sum(m.saas_mrr, by=['currency']) { legend: 'MRR {{currency}}', good: 'high' },
          q.value(m.saas_mrr_growth_ratio, month) { legend: 'MRR growth, 30 d {{currency}}', good: 'high' },
          q.sum(q.value(m.saas_customers, { status: 'active' })) {
            legend: 'Customers',
            help: 'Customers with a subscription that they pay for.',
            good: 'high',
          },
          q.greatest(q.value(m.saas_customer_churn_ratio, month)) { legend: 'Customer churn, 30 d', good: 'low' },
          q.divide(succeeded, attempted) {
            legend: 'Payments succeeded, 24 h',
            help: 'Payment attempts that succeeded in the last 24 hours / all attempts. 1 - this is lost or late revenue.',
            good: 'high',
            limits: {
              critical: 1 - lib.limits.payment_failure_ratio.critical,
            },
          },
          q.least(m.probe_success) {
            legend: 'Websites',
            help: 'Up when every probed website answered its last probe, down when any did not.',
            good: 'high',
            states: panel.up_or_down,
          },
          q.or_zero(urgent) {
            legend: 'Urgent alerts',
            help: 'Alerts of priority P0 and P1 that fire now; the table below names them.',
            good: 'low',
            limits: { critical: 1 },
          },
        ], alerts=['PaymentFailures', 'WebsiteDown']),
      ],
      [
        // Where does recurring revenue come from, and is it growing?
        panel.series(
          'Monthly recurring revenue by plan',
          q.sum(m.saas_mrr, by=['plan', 'currency']),
          good='high',
          stacked=true,
        ),
        // Do trials become customers, and do customers stay?
        panel.series(
          'Customers by status',
          q.sum(m.saas_customers, by=['status']),
          good='neither',
          description=|||
            Customers by the state of their subscription: trialing, active or churned. Active should rise, and trials are what
            it rises from; churned grows while few come back, so look at its slope.
          |||,
          colours={ active: 'ok', trialing: 'accent', churned: 'neutral' },
        ),
      ],
      [
        // What is wrong right now?
        panel.firing(
          'Alerts firing now',
          description='Alerts that fire, the most urgent first: P0 is answered within 15 minutes, P1 within an hour. None is good.',
        ),
        // Could customers reach us?
        panel.bars(
          'Availability of websites',
          q.mean(q.average(m.probe_success, unit='ratio'), by=['instance']) { decimals: 2 },
          good='high',
          description='Successful probes / all probes of each website, over the time shown.',
          alerts=['WebsiteDown'],
          max=1,
        ),
      ],
      lib.board.section('Payments'),
      [
        // Are customers paying as usual?
        panel.series(
          'Payments per minute',
          q.sum(q.per_minute(m.payment_attempts_total), by=['outcome']),
          good='neither',
          description=|||
            Payment attempts per minute, by outcome. Succeeded follows the time of day; a gap is an outage or a broken checkout.
            Failed should be near the bottom.
          |||,
          stacked=true,
          colours={ succeeded: 'ok', failed: 'bad' },
        ),
        // Is the provider turning them away?
        panel.series(
          'Payments that fail',
          failing,
          good='low',
          limits=lib.limits.payment_failure_ratio,
          alerts=['PaymentFailures'],
        ),
        // How much money comes in?
        panel.series(
          'Payment volume per minute',
          q.sum(q.per_minute(m.payment_volume_total, { outcome: 'succeeded' }), by=['currency']),
          good='high',
          description='Money of succeeded payments per minute, each currency by itself.',
        ),
      ],
    ],
  )
