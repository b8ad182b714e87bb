// For those who run the company: how does the business do, and does anything stand in its way?
function(lib)
  local m = lib.metrics;
  local r = lib.records;
  local panel = lib.panel;
  local section = lib.board.section;

  // Figures that several sources tell are taken from the one that is chosen; those that one alone tells, from whoever it is.
  local all = lib.promql;
  local q = all.within({ source: '=~$billing' });
  // Money is shown in one currency, which is chosen: what is not one sum cannot be stacked.
  local money = q.within({ currency: '=~$currency' });

  local month = { window: '30d' };
  local urgent = all.count(
    all.value(m.ALERTS, { alertstate: 'firing', priority: '=~P0|P1', alertname: '!=Watchdog' })
  );
  local succeeded = q.sum(q.increase(m.payment_attempts_total, { outcome: 'succeeded' }, over='1d'));
  local attempted = q.sum(q.increase(m.payment_attempts_total, over='1d'));
  local failing = q.greatest(r['source:payment_failures:ratio_rate5m'], by=['source']);
  local active(window, of=q) = of.greatest(of.value(m.saas_active_users, { window: window }));
  local churn = q.greatest(q.value(m.saas_customer_churn_ratio, month));
  local retention = q.greatest(q.value(m.saas_user_retention_ratio, month));
  local trials = q.greatest(q.value(m.saas_trial_conversion_ratio, month));
  local funnels = all.greatest(all.value(m.saas_funnel_conversion_ratio, month), by=['source', 'funnel']);
  // Answers of the application, from the part of its histogram that counts them.
  local answers(over, where={}) =
    local of = m.http_server_request_duration_seconds;
    all.sum(all.increase(of { name: of.name + '_count', type: 'counter', unit: '' }, where, over=over)) { reads:: [of.name] };
  local errors(over) =
    all.divide(all.or_zero(answers(over, { http_response_status_code: '=~5..' })), all.above(answers(over), 0)) {
      help: 'Answers of the application that tell of its own fault (status 5xx) / all answers, of the last 24 hours.',
    };

  lib.board.page(
    title='Executive',
    description='Revenue, customers, satisfaction and availability for those who run the company. Problems first, detail below.',
    folder='Business',
    tags=['business', 'executive'],
    time='now-7d',
    refresh='1m',
    variables=[
      lib.board.choice('source', 'Billing', m.saas_mrr, first=lib.config.source, name='billing'),
      lib.board.choice('currency', 'Currency', m.saas_mrr, first=std.asciiLower(lib.config.currency), where={ source: '=~$billing' }),
    ],
    down=['revenue', 'retention', 'business', 'product', 'operations', 'slos', 'support', 'capacity'],
    rows=[
      [
        // Do we earn more than last month, and lose fewer?
        panel.strip('Revenue now', [
          q.sum(m.saas_mrr, by=['currency']) { legend: 'MRR {{currency}}', good: 'high' },
          money.greatest(money.value(m.saas_mrr_growth_ratio, month), by=['currency']) {
            legend: 'Growth {{currency}}',
            good: 'high',
          },
          q.divide(succeeded, attempted) {
            legend: 'Payments ok',
            help: 'Payment attempts that succeeded in the last 24 hours / all attempts. 1 - this is lost or late revenue.',
            good: 'high',
            limits: {
              critical: 1 - lib.limits.payment_failure_ratio.critical,
            },
          },
        ], alerts=['MrrFell', 'PaymentFailures']),
        // How many are they, and what does one cost and bring?
        panel.strip('Customers now', [
          q.sum(q.value(m.saas_customers, { status: 'active' })) {
            legend: 'Customers',
            help: 'Customers with a subscription that they pay for.',
            good: 'high',
          },
          churn { legend: 'Churn, 30 d', good: 'low' },
          money.greatest(money.value(m.saas_blended_acquisition_cost, month), by=['currency']) {
            legend: 'CAC {{currency}}',
            good: 'low',
          },
          money.greatest(m.saas_customer_lifetime_value, by=['currency']) { legend: 'LTV {{currency}}', good: 'high' },
        ], alerts=['ChurnIncreased']),
      ],
      [
        // Do people use it, and are they content?
        panel.strip('Users now', [
          active('30d') { legend: 'Active, 30 d', good: 'high' },
          retention { legend: 'Stay, 30 d', good: 'high', limits: lib.limits.retention_ratio },
          trials { legend: 'Trials paying', good: 'high' },
        ], alerts=['RetentionLow']) { width: 9 },
        panel.strip('Satisfaction', [
          q.greatest(q.value(m.satisfaction_nps, { window: '90d' })) { legend: 'NPS, 90 d', good: 'high', decimals: 0 },
          q.greatest(q.value(m.satisfaction_csat_score, month)) {
            legend: 'CSAT of 5',
            good: 'high',
            decimals: 2,
            limits: lib.limits.satisfaction_csat_score,
          },
        ]) { width: 6 },
        // Can they reach it?
        panel.strip('Service now', [
          all.least(m.probe_success) {
            legend: 'Websites',
            help: 'Up when every probed website answered its last probe, down when any did not.',
            good: 'high',
            states: panel.up_or_down,
          },
          errors('1d') { legend: 'API errors', good: 'low', decimals: 2, limits: lib.limits.api_error_ratio },
          all.or_zero(urgent) {
            legend: 'Urgent alerts',
            help: 'Alerts of priority P0 and P1 that fire now; the table below names them.',
            good: 'low',
            limits: { critical: 1 },
          },
        ], alerts=['WebsiteDown', 'ApiErrorsHigh']) { width: 9 },
      ],
      [
        // Where does recurring revenue come from, and is it growing?
        panel.series(
          'Monthly recurring revenue by plan',
          money.sum(m.saas_mrr, by=['plan', 'currency']),
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
          all.mean(all.average(m.probe_success, unit='ratio'), by=['instance']) { decimals: 2 },
          good='high',
          description='Successful probes / all probes of each website, over the time shown.',
          alerts=['WebsiteDown'],
          max=1,
        ),
      ],

      section('Growth'),
      [
        // What made revenue rise or fall?
        panel.series(
          'What moved revenue, 30 d',
          money.sum(money.value(m.saas_mrr_change, month), by=['movement', 'currency']),
          good='high',
          description=|||
            Change in monthly recurring revenue over the last 30 days, by what caused it. What was won stands above zero, what
            was lost below; together they are the growth of those 30 days.
          |||,
          stacked=true,
          colours={ new: 'ok', expansion: 'accent', reactivation: 'neutral', contraction: 'warn', churn: 'bad' },
        ),
        // Do we lose more than before?
        panel.series(
          'Churn, 30 d',
          [
            churn { legend: 'customers' },
            money.greatest(money.value(m.saas_gross_mrr_churn_ratio, month), by=['currency']) { legend: 'revenue {{currency}}' },
          ],
          good='low',
          description=|||
            Share of the customers of 30 days ago who pay nothing now, and share of the revenue of then that they and those who
            pay less took with them.
          |||,
          alerts=['ChurnIncreased'],
        ),
      ],
      [
        // Do more people use it than a week ago?
        panel.week(
          'Active users of a day',
          function(q) active('1d', q),
          good='high',
          q=q,
          description='People with a session within 24 hours; dashed, the same a week earlier, since weekends are quieter.',
        ),
        // Do visitors become users, and trials customers?
        panel.series(
          'Conversion, 30 d',
          [funnels { legend: '{{funnel}} ({{source}})' }, trials { legend: 'trial to customer' }],
          good='high',
          description=|||
            Of those who took the first step of a funnel within 30 days, the share who took the last; of the trials that ended
            within 30 days, the share that went on to pay.
          |||,
        ),
        // Are they content?
        panel.series(
          'Net promoter score',
          [
            q.greatest(q.value(m.satisfaction_nps, month)) { legend: '30 d' },
            q.greatest(q.value(m.satisfaction_nps, { window: '90d' })) { legend: '90 d', dashed: true },
          ],
          good='high',
          description='Per cent of promoters less per cent of detractors, -100 to 100, of the answers of the last 30 and 90 days.',
        ),
      ],

      section('Payments and service'),
      [
        // Are customers paying as usual?
        panel.series(
          'Payments of a day',
          q.sum(q.increase(m.payment_attempts_total, over='1d'), by=['outcome']),
          good='neither',
          description=|||
            Payment attempts of the 24 hours before, by outcome. A fall of those that succeeded is an outage or a broken checkout.
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
        // Does the product itself fail?
        panel.series(
          'API answers that are errors',
          errors('1h') { legend: 'errors' },
          good='low',
          description='Answers of the application that tell of its own fault (status 5xx) / all answers, of the hour before.',
          limits=lib.limits.api_error_ratio,
          alerts=['ApiErrorsHigh'],
        ),
      ],
    ],
  )
