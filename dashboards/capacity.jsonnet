// For those who plan: how well are the machines, where does growth lead, and what has to be bought before it gets there?
function(lib)
  local m = lib.metrics;
  local r = lib.records;
  local q = lib.promql;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;

  local workload = ['workload'];
  local of(record, forecast, where={}) = q.value(r['capacity:' + record], { forecast: forecast } + where);
  local in_a_month = { ahead: '30d' };
  // What a short history foresees is worth nothing yet: neither panels nor alerts speak of it.
  local known(e) = q.when(
    e, q.above(r['capacity:history:seconds'], limits.capacity_left_seconds.history), ['forecast', 'instance', 'mountpoint', 'currency', 'scope']
  );
  local days = limits.capacity_left_seconds.history / 86400;
  local after(p) = p { fieldConfig+: { defaults+: { noValue: 'After %g days' % days } } };
  local left(forecast) = q.least(known(of('time_left:seconds', forecast)));
  // What a month ago was foreseen for now cannot be drawn beside what came before a month has passed; a week can.
  local foreseen(title, forecast, unit, good, join, by=[], where={}, alerts=[]) =
    local before = q.ago('7d');
    local shown(functions, record, more={}) =
      functions[join](functions.value(r['capacity:' + record], { forecast: forecast } + where + more), by=by) { unit: unit };
    panel.band(
      title,
      shown(q, 'level:current') { legend: 'came' },
      lower=shown(before, 'outlook:lower', { ahead: '7d' }),
      upper=shown(before, 'outlook:upper', { ahead: '7d' }),
      good=good,
      alerts=alerts,
      description='What came, and the band in which the forecast of a week before saw it. Outside of it the trend has changed.',
    );
  local month(forecast, unit, by) =
    // A straight line knows no end: nothing is less than none, and no share more than all.
    local within(e) = q.between(e, 0, if unit == 'ratio' then 1 else '+Inf');
    local shown(e, word) =
      within(q.greatest(e, by=by)) { unit: unit, legend: word + std.join('', [' {{%s}}' % label for label in by]) };
    [
      shown(of('level:current', forecast), 'now'),
      shown(known(of('outlook:lower', forecast, in_a_month)), 'at least'),
      shown(known(of('outlook:expected', forecast, in_a_month)), 'expected'),
      shown(known(of('outlook:upper', forecast, in_a_month)), 'at most'),
    ];
  // In 30 days, beside now; each figure has a unit of its own and so a panel of its own.
  local ahead(title, forecast, unit, good, by=[], limits=null, alerts=[]) = panel.bars(
    title,
    month(forecast, unit, by),
    good=good,
    limits=limits,
    alerts=alerts,
    description=|||
      Now, and in 30 days: what the straight line through the past leads to, and the bounds between which the truth lies nineteen
      times in twenty if the trend lasts. A short history makes them wide; of less than %g days nothing is foreseen.
    ||| % days,
  );
  local money = lib.config.costs != {};
  local tested = std.objectHas(m, 'k6_vus');

  lib.board.page(
    title='Capacity',
    description='The health of the machines in one figure, forecasts with their bounds, advice on replicas, and what services cost.',
    folder='Operations',
    tags=['operations', 'capacity'],
    time='now-7d',
    refresh='5m',
    down=['hosts', 'database', 'operations'],
    rows=[
      [
        // Have we room, and for how long?
        panel.strip('Room now', [
          q.value(r['capacity:health:score']) { legend: 'Health', good: 'high', limits: limits.health_score, decimals: 0 },
          q.least(r['capacity:headroom:ratio']) {
            legend: 'Least headroom',
            good: 'high',
            limits: { warning: 1 - limits.capacity_use_ratio.warning },
          },
          q.or_zero(q.sum(q.above(q.minus(r['capacity:replicas:wanted'], r['capacity:replicas:running']), 0))) {
            legend: 'More replicas',
            help: 'Replicas that services should have more than they have, added up.',
            good: 'low',
            limits: { warning: 1 },
          },
        ], alerts=['HealthLow', 'ScalingNeeded']),
        after(panel.strip('First to run out', [
          left('disk') { legend: 'Disk', good: 'high', limits: limits.capacity_left_seconds },
          left('database-size') { legend: 'Database', good: 'high', limits: limits.capacity_left_seconds },
          left('connections') { legend: 'Connections', good: 'high', limits: limits.capacity_left_seconds },
        ], alerts=['DiskWillFill', 'DatabaseWillFill'])),
      ],
      [
        // What drags the health down?
        panel.bars(
          'Parts of the health',
          q.value(r['capacity:health:part']),
          good='high',
          limits=limits.health_score,
          max=100,
          alerts=['HealthLow'],
          description=|||
            Each part is 100 up to a comfortable value and 0 from a bad one on, a straight line between. The health is halfway between
            their mean and the lowest. Full marks and none: processors used 60 and 100 %, memory 70 and 95 %, fullest disk 75 and 97 %,
            connections 60 and 100 %, hosts and websites that answer 100 and 50 %, errors of the API 0.1 and 5 %, its 95th percentile
            0.2 and 2 s. A part without figures does not count.
          |||,
        ),
        // Is it getting better or worse?
        panel.series('Health', q.value(r['capacity:health:score']) { legend: 'score' }, good='high', limits=limits.health_score, max=100, alerts=['HealthLow']),
      ],

      section('Replicas'),
      [
        // Which service needs more of them?
        panel.table('Replicas by service', by='workload', of=[
          q.value(r['capacity:replicas:running']) { legend: 'Has', good: 'neither' },
          q.value(r['capacity:replicas:wanted']) { legend: 'Should have', good: 'neither' },
          q.value(r['capacity:headroom:ratio']) { legend: 'Headroom', good: 'high', limits: { warning: 1 - limits.capacity_use_ratio.warning } },
        ], alerts=['ScalingNeeded']),
        // For want of what?
        panel.series('Use of the policy', r['capacity:use:ratio'], good='low', limits=limits.capacity_use_ratio, alerts=['ScalingNeeded']),
        // Is there room at the busiest hour as well?
        panel.bars(
          'Headroom at the busiest time',
          q.least(q.least_over(r['capacity:headroom:ratio']), by=workload),
          good='high',
          limits={ warning: 1 - limits.capacity_use_ratio.warning },
          alerts=['ScalingNeeded'],
          description='The least headroom of each service within the time shown. Below 0 the policy was overdrawn.',
        ),
      ],

      section('Machines in 30 days'),
      [
        ahead('Disks', 'disk', 'ratio', 'low', ['instance', 'mountpoint'], limits.host_disk_ratio, ['DiskWillFill']),
        ahead('Databases', 'database-size', 'bytes', 'neither', ['instance'], alerts=['DatabaseWillFill']),
        ahead('Connections', 'connections', 'ratio', 'low', ['instance']),
        ahead('Requests per second', 'requests', '/second', 'neither'),
      ],
      [
        // When is it too late?
        after(panel.ranking(
          'Time left',
          q.greatest(known(q.value(r['capacity:time_left:seconds'])), by=['forecast', 'instance', 'mountpoint']),
          by=['forecast', 'instance', 'mountpoint'],
          value='Left',
          good='high',
          limits=limits.capacity_left_seconds,
          alerts=['DiskWillFill', 'DatabaseWillFill'],
          least_first=true,
        )),
      ],

      section('The business in 30 days'),
      [
        ahead('Users', 'users', '', 'high'),
        ahead('Recurring revenue', 'mrr', 'currency', 'high', ['currency']),
        ahead('Customer churn', 'churn', 'ratio', 'low'),
        ahead('Feature adoption', 'adoption', 'ratio', 'high', ['scope']),
      ],

      section('Did the forecasts of a week before come true?', folded=true),
      [
        foreseen('Size of databases against the forecast', 'database-size', 'bytes', 'neither', 'sum'),
        foreseen('Requests against the forecast', 'requests', '/second', 'neither', 'sum'),
      ],
      [
        foreseen('Users against the forecast', 'users', '', 'high', 'sum'),
        foreseen(
          'Recurring revenue in %s against the forecast' % lib.config.currency,
          'mrr',
          'currency',
          'high',
          'sum',
          ['currency'],
          { currency: '=~(?i:%s)' % lib.config.currency }
        ),
      ],
    ] + (if !money then [] else [
           section('Costs'),
           [
             // Who spends it?
             panel.bars('Cost by service, a month', r['capacity:cost:monthly'], good='low'),
             // Is it worth it?
             panel.bars('Cost for each customer, a month', r['capacity:cost_per_customer:monthly'], good='low'),
             // How much of it buys nothing?
             panel.bars('Idle cost, a month', r['capacity:idle_cost:monthly'], good='low'),
           ],
         ]) + (if !tested then [] else [
                 section('Load tests', folded=true),
                 [
                   // Whom did the test play, and what did it ask for?
                   panel.series('Virtual users of k6', m.k6_vus, good='neither'),
                   panel.series(
                     'Requests of k6 and of the application',
                     [
                       q.sum(q.rate(m.k6_http_reqs_total)) { legend: 'k6 sent' },
                       q.sum(q.observed(m.http_server_request_duration_seconds)) { legend: 'application answered' },
                     ],
                     good='neither',
                     description='What the load test sent, beside what the application answered, its ordinary users included.',
                   ),
                   // What did its users feel?
                   panel.series(
                     'Answer times of k6 and of the application, 95 %',
                     [
                       q.greatest(m.k6_http_req_duration_p95) { legend: 'k6 waited' },
                       q.quantile(0.95, m.http_server_request_duration_seconds) { legend: 'application took' },
                     ],
                     good='low',
                     description='What 95 in 100 requests took at most: as the load test saw it, with the network, and as the application did.',
                   ),
                 ],
               ]),
  )
