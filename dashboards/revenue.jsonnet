// For those who answer for the money: what comes in, what moved it, what is lost on the way, and do the books agree?
function(lib)
  local m = lib.metrics;
  local r = lib.records;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;

  // What only the payment provider tells, and comparisons of the sources, are asked of all; the rest of the one chosen.
  local all = lib.promql;
  local q = all.within({ source: '=~$billing' });
  // Money is shown in one currency, which is chosen: what is not one sum cannot be stacked.
  local money = q.within({ currency: '=~$currency' });

  local month = { window: '30d' };
  local by_currency(metric, where={}) = money.greatest(money.value(metric, where), by=['currency']);
  local mrr = q.sum(m.saas_mrr, by=['currency']);
  local moved(movement) = q.sum(q.value(m.saas_mrr_change, month { movement: movement }), by=['currency']);
  local change = q.sum(q.value(m.saas_mrr_change, month), by=['currency']);
  local churn = q.greatest(q.value(m.saas_customer_churn_ratio, month));
  local day(where={}) = q.sum(q.increase(m.payment_attempts_total, where, over='1d'));
  local shown(metric, by, where={}) = q.sum(q.increase(metric, where), by=by);
  local received(metric, by) = money.sum(money.increase(metric, { outcome: 'succeeded' }), by=by);
  local of_sources = all.sum(m.saas_mrr, by=['source', 'currency']);
  local succeeded_share(metric, by) = q.divide(shown(metric, by, { outcome: 'succeeded' }), shown(metric, by)) {
    help: 'Payments that succeeded / all whose outcome became known, over the time shown.',
  };

  lib.board.page(
    title='Revenue',
    description='Recurring revenue and what moved it, churn, what customers are worth, payments, and what the provider holds.',
    folder='Business',
    tags=['business', 'revenue'],
    time='now-30d',
    refresh='1m',
    variables=[
      lib.board.choice('source', 'Billing', m.saas_mrr, first=lib.config.source, name='billing'),
      lib.board.choice('currency', 'Currency', m.saas_mrr, first=std.asciiLower(lib.config.currency), where={ source: '=~$billing' }),
    ],
    down=['retention', 'traffic', 'third-party', 'capacity'],
    rows=[
      [
        // How much, does it grow, and how much of it is lost?
        panel.strip('Recurring revenue now', [
          mrr { legend: 'MRR {{currency}}', good: 'high' },
          money.sum(m.saas_arr, by=['currency']) { legend: 'ARR {{currency}}', good: 'high' },
          by_currency(m.saas_mrr_growth_ratio, month) {
            legend: 'Growth {{currency}}',
            good: 'high',
            limits: limits.mrr_growth_ratio,
          },
        ]),
        panel.strip('Customers and churn', [
          q.sum(q.value(m.saas_customers, { status: 'active' })) {
            legend: 'Customers',
            help: 'Customers with a subscription that they pay for.',
            good: 'high',
          },
          q.greatest(m.saas_last_month_customer_churn_ratio) { legend: 'Churn, month', good: 'low' },
          by_currency(m.saas_net_mrr_churn_ratio, month) {
            legend: 'Net churn {{currency}}',
            help: 'Revenue lost less what customers of then pay more, over the revenue of 30 days ago; below 0 they grew.',
            good: 'low',
          },
        ]),
      ],
      [
        // Which plans does it come from?
        panel.series('MRR by plan', money.sum(m.saas_mrr, by=['plan', 'currency']), good='high', stacked=true, alerts=['MrrFell']),
        // What moved it?
        panel.series(
          'Movements of MRR, 30 d',
          money.sum(money.value(m.saas_mrr_change, month), by=['movement', 'currency']),
          good='high',
          description=|||
            Change in monthly recurring revenue over the last 30 days: new, reactivation and expansion above zero, contraction
            and churn below. Each change has one cause, so that they add up.
          |||,
          stacked=true,
          colours={ new: 'ok', expansion: 'accent', reactivation: 'neutral', contraction: 'warn', churn: 'bad' },
        ),
      ],
      [
        // Do the movements add up to the change?
        panel.table('From MRR of 30 days ago to MRR now', by='currency', of=[
          q.minus(mrr, change) {
            legend: '30 days ago',
            help: 'MRR now less all that moved it within 30 days.',
            good: 'neither',
          },
          moved('new') { legend: 'New', help: 'Accounts that never paid before.', good: 'high' },
          moved('reactivation') { legend: 'Reactivation', help: 'Accounts that paid some time before, and again.', good: 'high' },
          moved('expansion') { legend: 'Expansion', help: 'Accounts that pay more.', good: 'high' },
          moved('contraction') { legend: 'Contraction', help: 'Accounts that pay less, as a loss.', good: 'high' },
          moved('churn') { legend: 'Churn', help: 'Accounts that pay nothing any more, as a loss.', good: 'high' },
          mrr { legend: 'Now', help: 'The sum of the columns before.', good: 'high' },
        ]) { height: 4 },
      ],

      section('By plan and country'),
      [
        // Which plan wins and keeps customers?
        panel.table('Plans', by='plan', of=[
          q.sum(q.value(m.saas_plan_customers, { status: 'active' }), by=['plan']) {
            legend: 'Paying',
            help: 'Accounts that pay for the plan.',
            good: 'high',
          },
          q.sum(q.value(m.saas_plan_customers, { status: 'trialing' }), by=['plan']) {
            legend: 'In trial',
            help: 'Accounts that try the plan.',
            good: 'high',
          },
          q.greatest(q.value(m.saas_plan_customer_churn_ratio, month), by=['plan']) { legend: 'Churn, 30 d', good: 'low' },
        ]),
        // Where do customers live, and where do they leave?
        panel.table('Countries', by='country', of=[
          q.sum(m.saas_country_customers, by=['country']) {
            legend: 'Subscriptions',
            help: 'Paying customers of each plan; one with two plans counts twice.',
            good: 'high',
          },
          q.greatest(q.value(m.saas_country_customer_churn_ratio, month), by=['country']) { legend: 'Churn, 30 d', good: 'low' },
          succeeded_share(m.payment_country_attempts_total, ['country']) { legend: 'Payments succeeded', good: 'high' },
        ]),
      ],
      [
        // What does each country bring, by plan?
        panel.ranking(
          'MRR by country and plan',
          money.sum(m.saas_country_mrr, by=['country', 'plan', 'currency']),
          by=['country', 'plan', 'currency'],
          value='MRR',
          good='high',
        ),
        // What does a customer pay there?
        panel.ranking(
          'ARPA by country',
          money.greatest(m.saas_country_arpa, by=['country', 'currency']),
          by=['country', 'currency'],
          value='ARPA',
          good='high',
        ),
      ],

      section('Trials, churn and what a customer is worth'),
      [
        // Do trials become customers?
        panel.series(
          'Trials that became customers, 30 d',
          q.greatest(q.value(m.saas_trial_conversion_ratio, month)) { legend: 'converted' },
          good='high',
          alerts=['TrialConversionFell'],
          max=1,
        ),
        // Do more customers leave than before, and how much of the revenue goes with them?
        panel.series(
          'Customers and revenue lost',
          [
            churn { legend: 'customers, 30 d' },
            q.greatest(m.saas_last_month_customer_churn_ratio) { legend: 'customers, last month', dashed: true },
            by_currency(m.saas_gross_mrr_churn_ratio, month) { legend: '{{currency}} gross, 30 d' },
            by_currency(m.saas_net_mrr_churn_ratio, month) { legend: '{{currency}} net, 30 d' },
          ],
          good='low',
          description=|||
            Customers at the start who are none now / customers at the start: of the last 30 days, and of the last whole month
            as it is reported. Gross: what customers of 30 days ago pay less or no more / what they paid. Net: the same less what
            others of them pay more; below zero those who stayed grew by more than was lost.
          |||,
          alerts=['ChurnIncreased'],
        ),
      ],
      [
        // Does winning a customer pay?
        panel.table('Unit economics', by='currency', of=[
          by_currency(m.saas_arpa) { legend: 'ARPA', good: 'high', decimals: 2 },
          by_currency(m.saas_customer_lifetime_value) { legend: 'LTV', good: 'high', decimals: 0 },
          by_currency(m.saas_blended_acquisition_cost, month) { legend: 'CAC', good: 'low', decimals: 2 },
          by_currency(m.saas_ltv_to_cac_ratio, month) {
            legend: 'LTV / CAC',
            unit: '',
            good: 'high',
            decimals: 1,
            limits: limits.saas_ltv_to_cac_ratio,
          },
          by_currency(m.saas_acquisition_payback_months, month) { legend: 'Months', unit: '', good: 'low', decimals: 1 },
        ]),
        // Which channel brings customers?
        panel.bars(
          'New customers by channel, 30 d',
          q.sum(q.value(m.saas_new_customers, month), by=['channel']),
          good='high',
        ),
        // And at what price?
        panel.bars(
          'CAC by channel, 30 d',
          money.greatest(money.value(m.saas_customer_acquisition_cost, month), by=['channel', 'currency']),
          good='low',
        ),
      ],

      section('Payments'),
      [
        // Does the money come in?
        panel.strip('Payments of 24 hours', [
          day({ outcome: 'succeeded' }) {
            legend: 'Succeeded',
            help: 'Payments that succeeded in 24 hours.',
            good: 'high',
            decimals: 0,
          },
          q.divide(day({ outcome: 'succeeded' }), day()) {
            legend: 'Share',
            help: 'Payments that succeeded / all whose outcome became known, in 24 hours.',
            good: 'high',
            limits: { critical: 1 - limits.payment_failure_ratio.critical },
          },
          money.sum(money.increase(m.payment_volume_total, { outcome: 'succeeded' }, over='1d'), by=['currency']) {
            legend: 'Volume {{currency}}',
            help: 'Money of the payments that succeeded in 24 hours.',
            good: 'high',
          },
          by_currency(m.payment_average_amount, { window: '1d' }) { legend: 'Average {{currency}}', good: 'high', decimals: 2 },
        ], alerts=['PaymentFailures']),
      ],
      [
        // As usual, or has it stopped?
        panel.series(
          'Payments of three hours',
          q.sum(q.increase(m.payment_attempts_total, over='3h'), by=['outcome']),
          good='neither',
          description=|||
            Payments whose outcome became known in the three hours before, by outcome. They follow the time of day; none at all in
            hours that have some on other days is an outage.
          |||,
          stacked=true,
          colours={ succeeded: 'ok', failed: 'bad' },
          alerts=['PaymentsStopped'],
        ),
        // Is the provider turning them away?
        panel.series(
          'Share that fails',
          q.greatest(r['source:payment_failures:ratio_rate5m'], by=['source']),
          good='low',
          limits=limits.payment_failure_ratio,
          alerts=['PaymentFailures'],
        ),
      ],
      [
        // Why?
        panel.ranking(
          'Why payments fail',
          shown(m.payment_failures_total, ['reason', 'provider']),
          by=['reason', 'provider'],
          value='Failed',
          good='low',
          description='Payments that failed over the time shown, by the reason given and by provider.',
        ),
      ],

      section('Payments by provider and country', folded=true),
      [
        // Is it one provider?
        panel.table('Payments by provider', by='provider', of=[
          shown(m.payment_provider_attempts_total, ['provider']) {
            legend: 'Payments',
            help: 'Payments whose outcome became known over the time shown.',
            good: 'high',
          },
          succeeded_share(m.payment_provider_attempts_total, ['provider']) { legend: 'Succeeded', good: 'high' },
          q.greatest(q.value(m.payment_success_ratio, { window: '1d' }), by=['provider']) { legend: 'Succeeded, 24 h', good: 'high' },
        ]),
        // Who takes how much of the money?
        panel.bars(
          'Volume by provider',
          received(m.payment_provider_volume_total, ['provider', 'currency']),
          good='high',
          description='Money of the payments that succeeded over the time shown, by who took them. Refunds are not subtracted.',
        ),
        // And where does it come from?
        panel.bars(
          'Volume by country',
          q.top(10, received(m.payment_country_volume_total, ['country', 'currency'])),
          good='high',
          description='Money of the payments that succeeded over the time shown, by country of the account; the ten with most. Refunds are not subtracted.',
        ),
      ],

      section('Given back, disputed and kept', folded=true),
      [
        // Do customers want their money back?
        panel.series(
          'Refunds, share of volume, 30 d',
          by_currency(m.payment_refund_ratio, month),
          good='low',
          alerts=['RefundsHigh'],
        ),
        // Do card networks take notice?
        panel.series(
          'Disputes per payment, 30 d',
          q.greatest(q.value(m.payment_dispute_ratio, month)) { legend: 'disputes' },
          good='low',
          limits=limits.payment_dispute_ratio,
          alerts=['DisputesHigh'],
        ),
        // What do they and the provider cost?
        panel.bars(
          'What it cost',
          [
            money.sum(money.increase(m.payment_fees_total), by=['currency']) { legend: 'fees {{currency}}' },
            money.sum(money.increase(m.payment_refund_volume_total), by=['currency']) { legend: 'refunds {{currency}}' },
            money.sum(money.increase(m.payment_disputes_opened_volume_total), by=['currency']) { legend: 'disputes opened {{currency}}' },
            money.sum(money.value(m.payment_disputed_amount, { state: 'open' }), by=['currency']) { legend: 'in dispute now {{currency}}' },
          ],
          good='low',
          description=|||
            Over the time shown, what the provider kept, what was given back, and what disputes were opened about; and what is
            disputed now and not decided.
          |||,
        ),
      ],

      section('What the provider holds, and whether the sources agree'),
      [
        // Does money get stuck on its way to us?
        panel.strip('Money at the payment provider', [
          all.sum(all.value(m.payment_balance, { currency: '=~$currency' }), by=['source', 'currency']) {
            legend: 'Balance {{source}} {{currency}}',
            help: 'Money that the provider holds, whether or not it can be paid out already.',
            good: 'neither',
          },
          all.sum(all.value(m.payment_payouts, { state: 'failed', window: '7d' })) {
            legend: 'Payouts failed',
            help: "Payouts to the company's bank, begun within 7 days, that failed.",
            good: 'low',
            limits: { warning: 1 },
          },
          all.sum(all.value(m.payment_webhook_events_undelivered, { window: '1h' })) {
            legend: 'Callbacks lost',
            good: 'low',
            limits: limits.payment_callbacks,
          },
        ], alerts=['PaymentCallbacksUndelivered']),
        panel.strip('Revenue at risk', [
          all.sum(all.value(m.payment_invoices, { state: 'overdue' })) {
            legend: 'Overdue bills',
            help: 'Invoices past their due date, or of which the automatic payment failed.',
            good: 'low',
          },
          all.sum(all.value(m.saas_subscriptions, { status: '=~past_due|unpaid' })) {
            legend: 'Unpaid',
            help: 'Subscriptions whose last invoice was not paid: revenue that churns if nobody acts.',
            good: 'low',
          },
          all.sum(m.saas_subscriptions_canceling) { legend: 'To be ended', good: 'low' },
        ]),
      ],
      [
        // Do our own books and the provider's tell the same?
        panel.series(
          'MRR by source',
          of_sources,
          good='high',
          description='Monthly recurring revenue as each source tells it. The lines of a currency should lie on each other.',
        ),
        panel.series(
          'Difference between sources',
          all.rest(all.divide(all.least(of_sources, by=['currency']), all.greatest(of_sources, by=['currency']))),
          good='low',
          description='1 - the least MRR that a source tells / the greatest, by currency. 0 where one source alone tells it.',
          limits=limits.revenue_difference_ratio,
          alerts=['RevenueSourcesDisagree'],
        ),
      ],
    ],
  )
