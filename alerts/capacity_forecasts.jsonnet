// Forecasts: where a straight line through the past leads, how far the truth may lie from it, and when there is no room left.
//
// A line is laid through what a figure was within its window (least squares). Its spread is the standard deviation of what the
// line does not explain: sqrt(variance of the figure - slope^2 * variance of the time). The bounds lie around the line at
//   2 * spread * sqrt(1 + 1/n + 12/n * (ahead/history + 1/2)^2)
// which is the interval of 95 % for a new observation; n is the history in days, since the figures of one day say the same.
// So short a history as an hour yields bounds as wide as they have to be.
function(lib)
  local q = lib.promql;
  local m = lib.metrics;
  local r = lib.records;
  local own = { source: lib.config.source };
  local day = 86400;
  local year = 365 * day;
  local horizons = { '7d': 7 * day, '30d': 30 * day };

  // Of machines two weeks are looked at, every five minutes; of the business three months, every hour, which finds what
  // `bellwether backfill` wrote of the time before.
  local machines = { window: '14d', step: '5m' };
  local business = { window: '90d', step: '1h' };
  local requests = m.http_server_request_duration_seconds;
  local rows = {
    disk: machines { of: q.greatest(r['instance_mountpoint:node_filesystem_used:ratio'], by=['instance', 'mountpoint']), full: 1 },
    'database-size': machines {
      of: q.sum(m.pg_database_size_bytes, by=['instance']),
      full: lib.limits.database_space.bytes,
    },
    connections: machines { of: q.greatest(r['instance:pg_connections:ratio'], by=['instance']), full: 1 },
    requests: machines { of: q.sum(q.observed(requests, over='5m')) },
    users: business { of: q.sum(q.value(m.saas_users, own)) },
    mrr: business { of: q.sum(q.value(m.saas_mrr, own), by=['currency']) },
    churn: business { of: q.greatest(q.value(m.saas_customer_churn_ratio, own { window: '30d' })) },
    adoption: business { of: q.greatest(q.value(m.feature_mean_adoption_ratio, own { window: '30d' }), by=['scope']) },
  };
  local labels = ['forecast', 'instance', 'mountpoint', 'currency', 'scope'];

  // Of a row: what a function yields of its past.
  local past(name, call) = call % ('(%s)[%s:%s]' % [rows[name].of.expr, rows[name].window, rows[name].step]);
  local times(name, call) = call % ('timestamp(%s)[%s:%s]' % [rows[name].of.expr, rows[name].window, rows[name].step]);

  local record(fields) = lib.rule.record({ unit: '', labels: labels } + fields);
  local each(make, fields, names=std.objectFields(rows)) =
    record(fields { rules: [{ expr: make(name), sets: { forecast: name } } for name in names] });
  local ahead(make, fields) = record(fields {
    labels: labels + ['ahead'],
    rules: [{ expr: make(time), sets: { ahead: time } } for time in std.objectFields(horizons)],
  });

  local level = r['capacity:level:current'].name;
  local growth = r['capacity:growth:per_second'].name;
  local spread = r['capacity:deviation:spread'].name;
  local history = r['capacity:history:seconds'].name;
  local line(time) = '%s + %d * %s' % [r['capacity:line:current'].name, horizons[time], growth];
  local reach(time) = |||
    2 * %(spread)s * sqrt(
      1 + %(day)d / %(history)s
      + 12 * %(day)d / %(history)s * (%(ahead)d / %(history)s + 0.5) ^ 2
    )
  ||| % { spread: spread, history: '(%s > 0)' % history, day: day, ahead: horizons[time] };
  local bound(time, sign) = 'clamp_min(\n  %s\n  %s %s,\n  0\n)' % [line(time), sign, reach(time)];
  {
    interval: '5m',

    limits: {
      // Time that is left; forecasts of less than `history` seconds raise no alert.
      capacity_left_seconds: { warning: 30 * day, history: 3 * day },
      // What the databases of one server may take on disk, all together: the size of its disk, or what the plan allows.
      database_space: { bytes: 100e9 },
    },

    records: {
      'capacity:level:current': each(function(name) rows[name].of, {
        help: 'A figure that is foreseen, as it is now.',
      }),
      'capacity:line:current': each(function(name) past(name, 'predict_linear(%s, 0)'), {
        help: 'Where the straight line through the window of a figure is now.',
      }),
      'capacity:growth:per_second': each(function(name) past(name, 'deriv(%s)'), {
        help: 'How much a figure grows in a second: the slope of the straight line through its window.',
      }),
      'capacity:history:seconds': each(function(name) 'time() - ' + times(name, 'min_over_time(%s)'), {
        help: 'How far the history reaches back on which a forecast rests.',
        unit: 'seconds',
      }),
      'capacity:deviation:spread': each(
        function(name) 'sqrt(clamp_min(\n  %s\n  - %s ^ 2 * %s,\n  0\n))' % [
          past(name, 'stdvar_over_time(%s)'),
          past(name, 'deriv(%s)'),
          times(name, 'stdvar_over_time(%s)'),
        ],
        { help: 'Standard deviation of what the straight line through the window of a figure does not explain.' }
      ),
      'capacity:outlook:expected': ahead(line, {
        help: 'What a figure will be some days ahead if it goes on as it did in its window: two weeks for machines, 90 days for the business.',
      }),
      'capacity:outlook:lower': ahead(function(time) bound(time, '-'), {
        help: 'The lower bound of a forecast: nineteen times in twenty the truth is above it, if the trend lasts.',
      }),
      'capacity:outlook:upper': ahead(function(time) bound(time, '+'), {
        help: 'The upper bound of a forecast: nineteen times in twenty the truth is below it, if the trend lasts.',
      }),
      'capacity:time_left:seconds': each(
        function(name) 'clamp(\n  (%g - %s{forecast="%s"}) / clamp_min(%s{forecast="%s"}, 1e-12),\n  0, %d\n)'
                       % [rows[name].full, level, name, growth, name, year],
        {
          help: 'Room that is left / growth: how long it lasts if growth goes on as in the last two weeks. At most a year, also where nothing grows.',
          unit: 'seconds',
        },
        [name for name in std.objectFields(rows) if std.objectHas(rows[name], 'full')]
      ),
    },
  }
