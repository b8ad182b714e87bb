// For those who promise and those who release: is what was promised kept, and how much may still fail?
function(lib)
  local m = lib.metrics;
  local r = lib.records;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;

  local all = lib.promql;
  local q = all.within({ slo: '=~$slo' });

  local slo = ['slo'];
  local burn = limits.error_budget_burn;
  local left = q.value(r['slo:budget_left:ratio30d']);
  local ratio(window) = q.value(r['slo:error_ratio:rate' + window]);
  local pages = ['ErrorBudgetBurnsCritical', 'ErrorBudgetBurnsFast'];
  local lately = q.greatest_over(r['slo:total:events5m'], over='10d');
  // Only payments can be told in money; whoever takes none has no such record.
  local costly = std.objectHas(r, 'slo:lost_money:30d');

  // The share of events that were good in the time shown: all of its good ones over all of its events, not a mean of shares.
  local kept(name, legend) =
    local mean(record) = all.average(r[record], { slo: name });
    all.rest(all.divide(mean('slo:errors:increase5m'), all.above(mean('slo:total:increase5m'), 0))) {
      legend: legend,
      help: 'Share of good events in the time shown.',
      decimals: 2,
    };
  local flow = { http_route: '=~/api/mfa.*' };
  local answered(where) = all.sum(
    all.increase(
      m.http_server_request_duration_seconds { name: super.name + '_count', type: 'counter' }, flow + where, over='$__range'
    )
  ) { reads:: [m.http_server_request_duration_seconds.name] };

  lib.board.page(
    title='SLOs and error budgets',
    description='What customers may count on, whether they can, and how much of what may fail is left. Below 0 a promise is broken.',
    folder='Operations',
    tags=['operations', 'slo'],
    time='now-7d',
    refresh='1m',
    variables=[lib.board.variable('slo', 'Objective', r['slo:objective:ratio'])],
    down=['operations', 'errors', 'third-party', 'alerts'],
    rows=[
      [
        // Is a promise broken, or about to be?
        panel.strip('Promises now', [
          q.or_zero(q.count(q.below(left, limits.error_budget_left.warning))) {
            legend: 'Broken',
            help: 'Objectives of which more has failed in thirty days than they allow.',
            good: 'low',
            limits: { critical: 1 },
          },
          q.least(left) {
            legend: 'Least left',
            help: 'What is left of the errors allowed in thirty days, of the objective with the least; below 0 it is broken.',
            good: 'high',
            limits: limits.error_budget_left,
          },
          q.greatest(r['slo:burn_rate:1h']) {
            legend: 'Fastest burn',
            help: 'How many times as fast as allowed errors came in the last hour, of the objective where that is most.',
            decimals: 1,
            good: 'low',
            limits: burn,
          },
        ], alerts=['ErrorBudgetBurnsCritical', 'ErrorBudgetBurnsFast', 'ErrorBudgetSpent']) { width: 14 },
        panel.strip('Room for errors', [
          q.least(q.value(r['slo:budget_left:seconds30d'])) {
            legend: 'Outage left',
            help: 'For how long everything may still fail at ordinary load, of the objective with the least.',
            good: 'high',
          },
          q.or_zero(q.count(q.value(r['slo:objective:ratio']) {
            expr: '%s and on (slo) %s > 0 unless on (slo) %s' % [
              super.expr,
              lately.expr,
              q.value(r['slo:total:increase5m']).expr,
            ],
            reads:: super.reads + lately.reads + [r['slo:total:increase5m'].name],
          })) {
            legend: 'No figures',
            help: |||
              Objectives that had events in the last ten days and of which nothing tells now whether they are met. Planned work
              counts here while it goes on, and what nobody has used since the application began anew.
            |||,
            good: 'low',
            limits: { warning: 1 },
          },
        ], alerts=['ObjectiveWithoutData']) { width: 10 },
      ],
      [
        // Which one, how much is left of it, and how fast does it go?
        panel.table('Objectives at a glance', by='slo', of=[
          q.value(r['slo:objective:ratio']) { legend: 'Objective', decimals: 2, good: 'neither' },
          left { legend: 'Left, 30 d', decimals: 0, good: 'high', limits: limits.error_budget_left },
          q.value(r['slo:budget_left:ratio_month']) {
            legend: 'Left, this month',
            decimals: 0,
            good: 'high',
            limits: limits.error_budget_left,
          },
          q.value(r['slo:burn_rate:1h']) { legend: 'Burn, 1 h', decimals: 1, good: 'low', limits: burn },
          ratio('1h') { legend: 'Errors, 1 h', decimals: 2, good: 'low' },
          ratio('1d') { legend: 'Errors, 1 d', decimals: 2, good: 'low' },
          q.value(r['slo:budget_left:requests30d']) { legend: 'May still fail', decimals: 0, good: 'high' },
          q.value(r['slo:budget_left:seconds30d']) { legend: 'Outage left', good: 'high' },
        ], alerts=pages + ['ErrorBudgetBurnsSlowly', 'ErrorBudgetSpent', 'ErrorsTrickle', 'ObjectiveWithoutData'], link={
          title: 'This objective alone',
          url: lib.config.links.grafana + '/d/slos?${__url_time_range}&var-slo=${__value.raw}',
        }),
      ],
      [
        // Can people sign in, pay and be reached?
        panel.bars(
          'Uptime of what customers depend on',
          [
            kept('authentication', 'signing in'),
            all.rest(all.divide(
              all.otherwise(answered({ http_response_status_code: '=~5..' }), all.times(answered({}), 0)),
              all.above(answered({}), 0)
            )) {
              legend: 'second factor',
              help: 'Share of good requests in the time shown.',
              decimals: 2,
            },
            kept('payment-processing', 'payments'),
            kept('callbacks', 'payment callbacks'),
            kept('realtime', 'realtime'),
            all.least(all.average(m.pg_up, unit='ratio')) { legend: 'database', decimals: 2 },
          ],
          good='high',
          description=|||
            Requests, attempts and payments that did not fail for our sake / all, and the share of probes that the database
            answered, over the time shown.
          |||,
          max=1,
        ),
        // What fires on account of objectives?
        panel.firing(
          'Alerts of objectives that fire',
          description='Alerts of error budgets that fire now; the service is the objective. None is good.',
          where={ domain: 'slo' },
        ),
      ],

      section('How fast budgets are spent'),
      [
        // Has something just begun to fail?
        panel.series(
          'Burn rate, 1 h',
          q.value(r['slo:burn_rate:1h']) { decimals: 1 },
          good='low',
          description=|||
            How many times as fast as the objective allows errors came in the hour before: at 1 the budget of thirty days lasts
            thirty days, at 14.4 this hour took 2 % of it.
          |||,
          limits=burn,
          alerts=pages,
        ),
        // Where does that lead?
        panel.series(
          'Budget left, rolling 30 d',
          left,
          good='high',
          description='What is left of the errors that each objective allows in thirty days. A straight fall is an outage; below 0 it is broken.',
          limits=limits.error_budget_left,
          alerts=['ErrorBudgetSpent', 'ErrorBudgetBurnsSlowly'],
        ),
      ],
      [
        panel.series('Share of errors, 5 min', ratio('5m'), good='low'),
        panel.series('Share of errors, 6 h', ratio('6h'), good='low', alerts=pages),
        panel.series('Share of errors, 3 d', ratio('3d'), good='low', alerts=['ErrorBudgetBurnsSlowly']),
      ],

      section('What is left'),
      [
        // Will the calendar month be kept?
        panel.bars(
          'Budget left, this month',
          q.value(r['slo:budget_left:ratio_month']),
          good='high',
          limits=limits.error_budget_left,
          max=1,
        ),
        // How long an outage can be afforded?
        panel.bars('Outage left, 30 d', q.value(r['slo:budget_left:seconds30d']), good='high', limits=limits.error_budget_left),
        // How many may still be hurt?
        panel.bars(
          'Events that may still fail, 30 d',
          q.value(r['slo:budget_left:requests30d']) { decimals: 0 },
          good='high',
          limits=limits.error_budget_left,
        ),
      ],
      [
        // How much does an objective see? Of few events a share says little.
        panel.series(
          'Events, 5 min',
          q.value(r['slo:total:increase5m']) { decimals: 0 },
          good='neither',
          description='Events in five minutes that each objective speaks of. A line that ends is an objective without figures.',
          alerts=['ObjectiveWithoutData'],
        ),
        // What failed?
        panel.series('Errors, 5 min', q.value(r['slo:errors:increase5m']) { decimals: 0 }, good='low', description='Events of five minutes that were errors; absent during planned work.', alerts=['ErrorsTrickle']),
      ] + (
        if !costly then [] else [
          // What did that cost?
          panel.series(
            'Money lost to errors, 30 d',
            q.sum(r['slo:lost_money:30d'], by=['slo', 'currency']) { decimals: 0 },
            good='low',
          ),
        ]
      ),
    ],
  )
