// Objectives: what customers may count on, and how fast the errors that an objective allows are used up. docs/slos.md.
function(lib)
  local q = lib.promql;
  local m = lib.metrics;
  local r = lib.records;
  local slo = (import 'lib/slo.libsonnet')(lib);
  local limit = lib.limits.error_budget_burn;

  // Requests that the application answered, from the parts of its histogram: `_count` has all, `_bucket` those up to `le`.
  // What Bellwether counts below is different: its series begin at 0, and where they are told to count from the first row, come
  // back after a restart with their whole past, of which nothing is new.
  local requests(over, where={}, part='_count') =
    local of = m.http_server_request_duration_seconds;
    q.sum(q.gained(of { name: of.name + part, type: 'counter', labels: of.labels + ['le'] }, where, over=over))
    { reads:: [of.name] };
  local failed = { http_response_status_code: '=~5..' };
  local own = { source: lib.config.source };

  // Requests to some routes, of which those fail that the application answers with a status from 500 on.
  local answered(routes) = {
    services: {},
    errors: function(over, of={}) requests(over, routes + failed + of),
    total: function(over, of={}) requests(over, routes + of),
  };
  local webhooks = '/webhooks/.*';
  // What a payment's reason says when not the card or its owner, but the provider or the way to it failed.
  local technical = '.*(error|unavailable|not_available|time_?out|try_again|unreachable|outage|rate_limit|api_key).*';

  local objectives = slo.table({
    'api-availability': answered({ http_route: '!~' + webhooks }) {
      objective: 0.999,
      page: 'P1',
      help: 'Requests to the API, other than those of the payment provider; one answered with a status from 500 on is an error.',
    },
    'api-latency': {
      objective: 0.99,
      page: 'P1',
      local routes = { http_route: '!~' + webhooks },
      services: {},
      errors: function(over, of={}) q.minus(
        requests(over, routes + of), requests(over, routes + of + { le: '=~1|1[.]0' }, '_bucket')
      ),
      total: function(over, of={}) requests(over, routes + of),
      help: 'The same requests; one that is not answered within a second is an error.',
    },
    'payment-processing': {
      objective: 0.995,
      page: 'P0',
      local failures(over, where={}, by=[]) = q.sum(q.increase(m.payment_failures_total, own + where, over=over), by=by),
      errors: function(over) failures(over, { reason: '=~' + technical }),
      total: function(over) q.sum(q.increase(m.payment_attempts_total, own, over=over)),
      // What was asked for in vain does not say why: it is shared out as the failures are.
      money: function(over)
        local by = ['currency'];
        local volume = q.sum(q.increase(m.payment_volume_total, own { outcome: 'failed' }, over=over), by=by);
        volume {
          expr: '%s\n* %s\n/ (%s > 0)' % [
            volume.expr,
            failures(over, { reason: '=~' + technical }, by).expr,
            failures(over, by=by).expr,
          ],
        },
      help: |||
        Attempts to pay; one that fails for a reason that is the provider's or our own is an error, one that fails for the
        card's or its owner's is not.
      |||,
    },
    authentication: answered({ http_route: '=~/api/(login|mfa).*' }) {
      objective: 0.999,
      page: 'P0',
      help: 'Requests to sign in and to give a second factor; one answered with a status from 500 on is an error, one refused is not.',
    },
    'meter-readings': answered({ http_route: '=~/api/readings.*' }) {
      objective: 0.999,
      page: 'P1',
      help: 'Requests with meter readings; one answered with a status from 500 on is an error.',
    },
    'group-operations': {
      objective: 0.95,
      page: 'P1',
      errors: function(over) q.sum(q.increase(m.group_operations_total, own { outcome: 'failed' }, over=over)),
      total: function(over) q.sum(q.increase(m.group_operations_total, own, over=over)),
      help: 'Things that users try to do in or with a group; one that does not succeed is an error, whoever is to blame.',
    },
    realtime: {
      objective: 0.95,
      page: 'P1',
      errors: function(over) q.sum(q.increase(m.realtime_errors_total, own { 'error': '!=unauthorized' }, over=over)),
      total: function(over) q.sum(q.increase(m.realtime_attempts_total, own, over=over)),
      help: 'Attempts to open a realtime connection; one that fails is an error, unless it was not authorised.',
    },
    callbacks: answered({ http_route: '=~' + webhooks }) {
      objective: 0.999,
      page: 'P1',
      help: 'Calls of the payment provider; one answered with a status from 500 on is an error.',
    },
    'front-end-vitals': {
      objective: 0.9,
      page: null,
      minimum: 200,
      errors: function(over) q.sum(q.increase(m.web_vital_measurements_total, own { rating: 'poor' }, over=over)),
      total: function(over) q.sum(q.increase(m.web_vital_measurements_total, own, over=over)),
      help: 'Measurements of Core Web Vitals in browsers; one rated poor is an error.',
    },
  });
  local names(page) = [name for name in std.objectFields(objectives) if objectives[name].page == page];
  local each(make, fields) = slo.each(objectives, make, fields);
  local words = { '30m': 'half an hour', '1h': 'an hour', '6h': 'six hours' };
  local maintained = [name for name in std.objectFields(objectives) if slo.planned(name) != []];

  local objective = {
    domain: 'slo',
    service: '{{ $labels.slo }}',
    dashboard: 'slos',
    dashboard_labels: ['slo'],
  };
  // What fails may have an alert of its own, which is over sooner: who was called by that is not called for the same, least of all
  // when it is mended. Where the budget told it first, that goes on, so that its end is told too.
  local told(name) =
    local firing = { alertstate: 'firing' };
    local its_own = q.greatest(q.greatest_over(m.ALERTS, firing { domain: '!=slo' }, over='30m'), by=['slo']);
    '(\n  %s\n  unless on (slo) %s\n)' % [its_own.expr, q.value(m.ALERTS, firing { alertname: name }).expr];
  // Spending fast: an hour that takes 2 % of thirty days' budget, or six that take 5 %.
  local fast(name, names) = objective {
    expr: '(\n(\n%s)\nor\n(\n%s)\n)\nunless on (slo) %s' % [
      slo.burning('1h', '5m', limit.critical, names),
      slo.burning('6h', '30m', limit.steady, names),
      told(name),
    ],
    keep_firing_for: '5m',
    description: '{{ $labels.slo }}: errors come {{ $value | printf "%.1f" }} times as fast as its objective allows.',
  };
  {
    // The rows, for alerts/slo_budget.jsonnet and for whoever asks.
    objectives:: objectives,

    limits: {
      // How many times faster than allowed errors may come: `critical` over an hour, `steady` over six, `warning` over a day,
      // `slow` over three. With fewer than `minimum_errors` in the window they are bad luck.
      error_budget_burn: { critical: 14.4, steady: 6, warning: 3, slow: 1, minimum_errors: 5 },
    },

    records: {
      'slo:objective:ratio': each(function(name) 'vector(%g)' % objectives[name].objective, {
        help: 'The share of events that an objective asks to be good.',
        unit: 'ratio',
      }),
      'slo:minimum:events': each(function(name) 'vector(%g)' % objectives[name].minimum, {
        help: 'Of fewer events than this in a window, the share of errors raises no alert of an objective.',
        unit: '',
      }),
      'slo:total:increase5m': each(function(name) slo.total(name, objectives[name]), {
        help: 'Events in five minutes that an objective speaks of; absent during planned work.',
        unit: '',
      }),
      'slo:errors:increase5m': each(function(name) slo.errors(name, objectives[name]), {
        help: 'Those of the events in five minutes that were errors; absent during planned work.',
        unit: '',
      }),
      'slo:error_ratio:rate5m': lib.rule.record({
        expr: '%s / (%s > 0)' % [r['slo:errors:increase5m'].name, r['slo:total:increase5m'].name],
        help: 'Share of errors among the events of an objective, over five minutes.',
        unit: 'ratio',
        labels: ['slo'],
      }),
    } + {
      ['slo:error_ratio:rate' + window]: lib.rule.record({
        expr: slo.ratio(window),
        help: 'Share of errors among the events of an objective, over %s.' % words[window],
        unit: 'ratio',
        labels: ['slo'],
      })
      for window in std.objectFields(words)
    } + {
      'slo:burn_rate:1h': lib.rule.record({
        expr: '%s\n/ %s' % [slo.ratio('1h'), slo.allowed],
        help: 'How many times as fast as the objective allows errors came in the last hour: 1 uses the budget up in 30 days.',
        unit: '',
        labels: ['slo'],
      }),
    } + (
      if maintained == [] then {} else {
        'slo:maintenance:active': lib.rule.record({
          rules: [
            { expr: '0 * (%s) + 1' % std.join('\n  or ', slo.planned(name)), sets: { slo: name } }
            for name in maintained
          ],
          help: '1 while planned work on an objective goes on, in which nothing is counted.',
          unit: '',
          labels: ['slo'],
        }),
      }
    ),
    alerts: {
      [if names('P0') != [] then 'ErrorBudgetBurnsCritical']: lib.rule.alert(fast('ErrorBudgetBurnsCritical', names('P0')) {
        priority: 'P0',
        summary: 'Something that customers cannot do without fails for many of them.',
        impact: 'Customers cannot pay or cannot sign in, as the name of the objective says.',
        action: 'Open the dashboard: since when? Undo the last change of that time, or switch to the other provider.',
      }),
      [if names('P1') != [] then 'ErrorBudgetBurnsFast']: lib.rule.alert(fast('ErrorBudgetBurnsFast', names('P1')) {
        priority: 'P1',
        labels: { symptom: 'error_budget' },
        summary: 'Errors use up the budget of an objective within days or hours.',
        impact: 'A part of the product does not work for a noticeable share of those who use it.',
        action: 'Open the dashboard: since when, and on which route? Undo the last change of that time.',
      }),
      // What a stopped exporter, a changed label or a renamed route leave behind looks like a day without errors. So does what
      // nobody has used since the application began anew, whose series come with their first use. More silence is asked for than
      // that explains: two hours that had many events in each of the last weeks, or three days. What never was is not missed.
      ObjectiveWithoutData: lib.rule.alert(objective {
        priority: 'P2',
        expr: |||
          %(objective)s
          and on (slo) (
            %(last_week)s >= %(minimum)s
            and on (slo) %(week_before)s >= %(minimum)s
            unless on (slo) %(hours)s
            or
            %(lately)s >= %(minimum)s
            unless on (slo) %(days)s
          )
        ||| % {
          local events = r['slo:total:events5m'],
          objective: r['slo:objective:ratio'].name,
          minimum: r['slo:minimum:events'].name,
          hours: slo.long(events, '2h'),
          last_week: slo.long(events, '2h', '7d'),
          week_before: slo.long(events, '2h', '14d'),
          lately: slo.long(events, '10d'),
          days: slo.long(events, '3d'),
        } + (
          if maintained == [] then '' else 'unless on (slo) max_over_time(%s[10m])' % r['slo:maintenance:active'].name
        ),
        'for': '30m',
        summary: 'Nothing tells whether an objective is met.',
        description: '{{ $labels.slo }}, of which {{ $value | humanizePercentage }} is to be good, has no figures: not even that nothing happens.',
        impact: 'Nobody would be told if it failed.',
        action: 'Look whether what its rule counts is still scraped under that name; leave the objective out if you have no such thing.',
      }),
    },
  }
