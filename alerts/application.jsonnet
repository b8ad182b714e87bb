// The application as its users meet it: how quick it is, what fails, what its errors and logs say.
function(lib)
  local alert = lib.rule.alert;
  local fresh = lib.rule.fresh;
  local m = lib.metrics;
  local q = lib.promql;
  local limits = lib.limits;
  local guard = (import 'lib/guard.libsonnet')(lib);
  local application = { domain: 'application', service: 'application', dashboard_labels: [] };
  // Told apart, since a crash somewhere does not explain that requests fail or are slow.
  local tracked = application { service: 'errors', dashboard: 'errors' };
  local requests = m.http_server_request_duration_seconds;
  local by = ['service_name'];
  // In five minutes.
  local answered(where={}) = q.times(q.sum(q.observed(requests, where, over='5m'), by=by), 300);
  local project = ['source', 'project'];
  {
    limits: {
      // `requests`, `errors`: so many in five minutes, that a share of them is no accident.
      api_latency_seconds: { critical: 1, requests: 50 },
      api_error_ratio: { critical: 0.01, errors: 5 },
      error_crash_free_sessions_ratio: { warning: 0.99, sessions: 200 },
      // Besides `minimum`, so many times as many as usual at this hour.
      error_events_hourly: { minimum: 30, factor: 3 },
      job_failure_ratio: { warning: 0.1, minimum: 10 },
      log_errors: { minimum: 50, factor: 3 },
      log_silence_seconds: { warning: 900 },
    },
    alerts: {
      // A window of five minutes tells after one or two that a part of the requests is slow; with the delay that makes five.
      ApiLatencyHigh: alert(application {
        priority: 'P1',
        domain: 'performance',
        dashboard: 'operations',
        local limit = limits.api_latency_seconds,
        expr: guard.when(
          q.above(q.quantile(0.95, requests, by=by, over='5m'), limit.critical), guard.enough(answered(), limit.requests), by=by
        ),
        'for': '2m',
        keep_firing_for: '5m',
        summary: 'The application answers slowly.',
        description: 'One in twenty requests to {{ $labels.service_name }} takes {{ $value | humanizeDuration }} or more.',
        impact: 'Customers wait at every step, and clients begin to give up and try again.',
        action: 'Find the slow routes on the dashboard, then the database: slow statements, locks, pools.',
      }),
      ApiErrorsHigh: alert(application {
        priority: 'P1',
        labels: { slo: 'api-availability' },
        dashboard: 'operations',
        local limit = limits.api_error_ratio,
        local errors = answered({ http_response_status_code: '=~5..' }),
        expr: guard.when(
          q.above(q.divide(errors, q.above(answered(), 0)), limit.critical), guard.enough(errors, limit.errors), by=by
        ),
        'for': '10m',
        keep_firing_for: '5m',
        summary: 'Requests to the application fail.',
        description: '{{ $value | humanizePercentage }} of the requests to {{ $labels.service_name }} end in an error of the server.',
        impact: 'What those customers wanted to do did not happen, or they do not know whether it did.',
        action: 'Find the route and its error in the error tracker; roll back what was deployed last.',
      }),
      // Of those that are not resolved, more than at some time within the last hour.
      CriticalApplicationError: alert(tracked {
        priority: 'P0',
        local where = { level: 'critical', state: '=~new|regressed|escalating' },
        local now = q.sum(q.value(m.error_issues, where), by=project),
        local least = q.sum(q.least_over(m.error_issues, where, over='1h'), by=project),
        expr: fresh(q.above(q.minus(now, least), 0)),
        summary: 'The application has a new critical error.',
        description: 'In {{ $labels.project }} {{ printf "%.0f" $value }} critical errors appeared or came back within the last hour.',
        impact: 'A part of the product crashes for those who meet it.',
        action: 'Open the newest critical issue in the error tracker: its release says what to roll back.',
      }),
      CrashFreeSessionsLow: alert(tracked {
        priority: 'P2',
        local limit = limits.error_crash_free_sessions_ratio,
        local free = q.least(q.value(m.error_crash_free_sessions_ratio, { window: '1d' }), by=project),
        local sessions = q.greatest(q.value(m.error_sessions, { window: '1d' }), by=project),
        expr: fresh(guard.when(q.below(free, limit.warning), guard.enough(sessions, limit.sessions), by=project)),
        'for': '10m',
        keep_firing_for: '30m',
        summary: 'Too many sessions of users end in a crash.',
        description: 'Of the sessions of a day in {{ $labels.project }}, {{ $value | humanizePercentage }} ended without a crash.',
        impact: 'Users lose what they were doing; those who meet it twice may not come back.',
        action: 'See which release and device crash most, and stop the roll-out of that release.',
      }),
      ErrorEventsSpike: alert(tracked {
        priority: 'P2',
        // The figure is of an hour as it is. Of two hours it is told as a count, so that it can be compared.
        local where = { window: '1h', level: '=~critical|error' },
        local count(q, over) =
          if over == '2h' then q.times(q.sum(q.average(m.error_events, where, over=over), by=project), 2)
          else q.sum(q.value(m.error_events, where), by=project),
        expr: fresh(guard.spike(count, 60, limits.error_events_hourly, by=project)),
        'for': '5m',
        keep_firing_for: '15m',
        summary: 'The application reports far more errors than usual.',
        description: '{{ $labels.project }} reported {{ printf "%.0f" $value }} errors within an hour, far more than at this time of '
                     + 'other days.',
        impact: 'Something that worked yesterday fails for some users.',
        action: 'Sort the issues of the last hour by events: one that is new and large is the cause.',
      }),
      // Jobs that are tried again and again fail again and again, so that the queue grows as well.
      JobsFail: alert(application {
        priority: 'P2',
        service: 'jobs',
        dashboard: 'technical',
        local limit = limits.job_failure_ratio,
        local queue = ['queue', 'service_name'],
        local ended(where={}) = q.sum(q.increase(m.job_runs_total, where, over='15m'), by=queue),
        local failed = ended({ outcome: 'failed' }),
        expr: guard.when(
          q.above(q.divide(failed, guard.positive(ended())), limit.warning), guard.enough(failed, limit.minimum), by=queue
        ),
        'for': '5m',
        keep_firing_for: '10m',
        summary: 'Background jobs fail.',
        description: 'In the queue {{ $labels.queue }} of {{ $labels.service_name }} {{ $value | humanizePercentage }} of the jobs that ended '
                     + 'in the last quarter of an hour failed.',
        impact: 'What customers were promised for later does not happen: reports, receipts, calls back.',
        action: 'Look at the errors of that queue in the error tracker, and at what was deployed last.',
      }),
      LogErrorsSpike: alert(application {
        priority: 'P2',
        service: 'logs',
        dashboard: 'operations',
        local count(q, over) =
          q.sum(q.increase(m.logs_lines_total, { level: '=~error|critical' }, over=over), by=['source']),
        expr: fresh(guard.spike(count, 15, limits.log_errors)),
        keep_firing_for: '10m',
        summary: 'The logs hold far more errors than usual.',
        description: 'In {{ $labels.source }} {{ printf "%.0f" $value }} lines of errors came within 15 minutes, far more than at '
                     + 'this time of other days.',
        impact: 'A program complains; whether users notice depends on what it says.',
        action: 'Look at the errors of the last minutes by program, and at what was deployed last.',
      }),
      LogsStopped: alert(application {
        priority: 'P2',
        service: 'logs',
        dashboard: 'operations',
        expr: fresh(q.above(
          q.age(q.greatest(m.logs_newest_line_timestamp_seconds, by=['source'])), limits.log_silence_seconds.warning
        )),
        'for': '5m',
        summary: 'No log lines come in any more.',
        description: 'The newest line in {{ $labels.source }} is {{ $value | humanizeDuration }} old.',
        impact: 'What happens now leaves no trace, and alerts on logs cannot fire.',
        action: 'Look whether the shipper runs on the hosts and what its own log says of the store.',
      }),
    },
  }
