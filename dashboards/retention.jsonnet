// For those who build and sell the product: do the people who come stay, and does it get better from cohort to cohort?
function(lib)
  local m = lib.metrics;
  local panel = lib.panel;
  local section = lib.board.section;

  local q = lib.promql.within({ source: '=~$source' });

  local month = { window: '30d' };
  local stayed = q.greatest(q.value(m.saas_user_retention_ratio, month));
  local churn = q.greatest(q.value(m.saas_customer_churn_ratio, month));
  local stickiness(window, of=q) = of.greatest(of.value(m.saas_stickiness_ratio, { window: window }));
  local cohorts(interval) = q.greatest(q.value(m.saas_cohort_retention_ratio, { interval: interval }), by=['cohort', 'period']);
  // Of all people whose cohort is as old: a large cohort counts for more.
  local after(period, interval, word) = q.weighted(
    q.greatest(q.value(m.saas_cohort_retention_ratio, { interval: interval, period: '%d' % period }), by=['cohort']),
    q.greatest(q.value(m.saas_cohort_users, { interval: interval }), by=['cohort'])
  ) { legend: word };
  local first(interval, period) =
    q.greatest(q.value(m.saas_cohort_retention_ratio, { interval: interval, period: period }), by=['cohort']);
  // Of money: what is left of the revenue of a month ago, expansion included.
  local kept(metric) = q.rest(q.greatest(q.value(metric, month), by=['currency']));

  lib.board.page(
    title='Retention',
    description='Whether users and customers stay: this month, and cohort by cohort of those who registered together.',
    folder='Business',
    tags=['business', 'retention'],
    time='now-30d',
    refresh='5m',
    variables=[lib.board.choice('source', 'Source', m.saas_cohort_retention_ratio, first=lib.config.source)],
    down=['revenue', 'product', 'business', 'capacity'],
    rows=[
      [
        // Do they stay?
        panel.strip('Users who stay', [
          stayed { legend: 'Stay, 30 d', good: 'high', limits: lib.limits.retention_ratio },
          after(1, 'month', 'Come back') {
            help: 'Of the people who registered in a month, those who came back in the next: of all cohorts shown below together.',
            good: 'high',
          },
          stickiness('1d') { legend: 'Daily/monthly', good: 'high' },
        ], alerts=['RetentionLow']) { width: 9 },
        panel.strip('Customers and their revenue', [
          q.rest(churn) {
            legend: 'Customers kept',
            help: 'Of the customers of 30 days ago, the share that still pay.',
            good: 'high',
          },
          kept(m.saas_net_mrr_churn_ratio) {
            legend: 'Net {{currency}}',
            help: 'Of the revenue of 30 days ago, what the customers of then pay now; above 100 % they grew by more than was lost.',
            good: 'high',
          },
        ]) { width: 9 },
        panel.strip('Revenue without growth', [
          kept(m.saas_gross_mrr_churn_ratio) {
            legend: 'Gross {{currency}}',
            help: 'Of the revenue of 30 days ago, what is still paid, without what some pay more.',
            good: 'high',
          },
        ]) { width: 6 },
      ],
      [
        // Is a month's cohort better than the one before?
        panel.cohorts(
          'Monthly cohorts',
          cohorts('month'),
          row='cohort',
          column='period',
          description=|||
            A row for the people registered in a month, the latest first; a column for each month since. A cell is the share of
            them who came in that month. Read down a column: the newer cohorts, above, should be darker.
          |||,
        ),
      ],
      [
        // And week by week, where a change of the product shows first?
        panel.cohorts(
          'Weekly cohorts',
          cohorts('week'),
          row='cohort',
          column='period',
          description=|||
            A row for the people registered in a week, the latest first; a column for each week since. A cell is the share of
            them who came in that week.
          |||,
        ),
      ],

      section('Where people are lost'),
      [
        // When do they leave?
        panel.bars(
          'Months after registration',
          [
            after(1, 'month', '1 month'),
            after(2, 'month', '2 months'),
            after(3, 'month', '3 months'),
            after(6, 'month', '6 months'),
            after(9, 'month', '9 months'),
          ],
          good='high',
          description='Of all people whose cohort is as old, the share who come so many months after they registered.',
          max=1,
        ),
        panel.bars(
          'Weeks after registration',
          [
            after(1, 'week', '1 week'),
            after(2, 'week', '2 weeks'),
            after(3, 'week', '3 weeks'),
            after(4, 'week', '4 weeks'),
            after(8, 'week', '8 weeks'),
          ],
          good='high',
          description='Of all people whose cohort is as old, the share who come so many weeks after they registered.',
          max=1,
        ),
        // Which cohorts are large enough to say something?
        panel.ranking(
          'Size of the monthly cohorts',
          q.greatest(q.value(m.saas_cohort_users, { interval: 'month' }), by=['cohort']),
          by=['cohort'],
          value='Registered',
          good='high',
        ),
        // Which cohort came back best, and which worst?
        panel.ranking(
          'Back in the first month',
          first('month', '1'),
          by=['cohort'],
          value='Came back',
          good='high',
          description='Share of each monthly cohort who came in the month after they registered, the best first.',
        ),
      ],

      section('Over time'),
      [
        // Is it getting better?
        panel.series(
          'Users who stay, 30 d',
          stayed { legend: 'users' },
          good='high',
          limits=lib.limits.retention_ratio,
          alerts=['RetentionLow'],
          max=1,
        ),
        // How often do they come?
        panel.series(
          'Stickiness',
          [stickiness('1d') { legend: 'day / month' }, stickiness('7d') { legend: 'week / month', dashed: true }],
          good='high',
          max=1,
        ),
        // Do those who pay stay too?
        panel.series(
          'Churn of customers and revenue, 30 d',
          [
            churn { legend: 'customers' },
            q.greatest(q.value(m.saas_gross_mrr_churn_ratio, month), by=['currency']) { legend: 'revenue {{currency}}' },
          ],
          good='low',
          description=|||
            Share of the customers of 30 days ago who pay nothing now, and share of the revenue of then that was lost with them
            and with those who pay less.
          |||,
        ),
      ],
      [
        // Do new users get as far as to have a reason to stay?
        panel.series(
          'New users who got started',
          q.greatest(q.value(m.onboarding_activation_ratio, month)) { legend: 'activated' },
          good='high',
          max=1,
        ),
        // Do more come than go?
        panel.series(
          'Registered and deleted per day',
          [
            q.sum(q.increase(m.saas_users_registered_total, over='1d')) { legend: 'registered' },
            q.sum(q.increase(m.saas_users_deleted_total, over='1d')) { legend: 'deleted' },
          ],
          good='neither',
          description='People who were registered, and people who were deleted, in the 24 hours before. The gap is the growth.',
        ),
      ],
    ],
  )
