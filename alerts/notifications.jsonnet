// Notifications and realtime connections: does the product still reach its users?
function(lib)
  local m = lib.metrics;
  local q = lib.promql;
  local limits = lib.limits;
  local alert = lib.rule.alert;
  local fresh = lib.rule.fresh;
  local guard = (import 'lib/guard.libsonnet')(lib);
  local messages = {
    priority: 'P2',
    domain: 'notifications',
    service: 'notifications',
    dashboard: 'notifications',
    dashboard_labels: ['source'],
  };
  local realtime = messages { service: 'realtime' };
  local by = ['source', 'channel'];
  // Connections that end because their user leaves, or because a release restarts the server, are no trouble.
  local expected = 'closed|server_restart';
  {
    interval: '30s',
    limits: {
      notification_failure_ratio: { warning: 0.10, minimum: 10 },
      notification_pending_ratio: { warning: 0.05, minimum: 20 },
      realtime_disconnects: { minimum: 20, factor: 2 },
      realtime_failure_ratio: { critical: 0.20, minimum: 10 },
    },
    alerts: {
      NotificationFailures: alert(messages {
        local limit = limits.notification_failure_ratio,
        local settled(metric) = q.sum(q.increase(metric, over='30m'), by=by),
        local failed = settled(m.notification_failed_total),
        // Where nothing ever arrived, there is no count of what did.
        local delivered = q.otherwise(settled(m.notification_delivered_total), q.times(failed, 0)),
        expr: fresh(guard.when(
          q.above(q.divide(failed, guard.positive(q.plus(failed, delivered))), limit.warning),
          guard.enough(failed, limit.minimum),
          by
        )),
        keep_firing_for: '10m',
        summary: 'Messages to users fail.',
        description: '{{ $value | humanizePercentage }} of the messages by {{ $labels.channel }} in {{ $labels.source }} failed in the '
                     + 'last half hour.',
        impact: 'Users do not get what they wait for: codes to sign in, invoices, reminders.',
        action: 'Look at the reasons of the failures and at the status page of the provider of that channel.',
      }),
      // A batch takes some minutes to go out; what is pending for longer is stuck.
      NotificationsStuck: alert(messages {
        local limit = limits.notification_pending_ratio,
        local pending = q.greatest(q.value(m.notification_pending, { window: '1d' }), by=by),
        local sent = q.sum(q.increase(m.notification_sent_total, over='1d'), by=by),
        expr: fresh(guard.when(
          q.above(q.divide(pending, guard.positive(sent)), limit.warning), guard.enough(pending, limit.minimum), by
        )),
        'for': '15m',
        keep_firing_for: '10m',
        summary: 'Messages to users are neither delivered nor given up.',
        description: '{{ $value | humanizePercentage }} of the messages by {{ $labels.channel }} in {{ $labels.source }} sent within a '
                     + 'day are still under way.',
        impact: 'Users get messages late or not at all, and nobody is told.',
        action: 'Look whether the workers that send run and the queue empties, and whether the provider still reports back.',
      }),
      RealtimeDisconnects: alert(realtime {
        local ended(q, over) =
          q.sum(q.increase(m.realtime_disconnect_reasons_total, { reason: '!~' + expected }, over=over), by=['source']),
        expr: fresh(guard.spike(ended, 15, limits.realtime_disconnects)),
        keep_firing_for: '5m',
        summary: 'Realtime connections break off.',
        description: '{{ printf "%.0f" $value }} realtime connections in {{ $labels.source }} broke off within 15 minutes, far more '
                     + 'than at this time of other days.',
        impact: 'What users see is out of date until they are connected again; all reconnecting at once may overload the server.',
        action: 'Look at the reasons, at restarts of the realtime server, and at the proxy and network before it.',
      }),
      RealtimeConnectionsFail: alert(realtime {
        local limit = limits.realtime_failure_ratio,
        priority: 'P1',
        labels: { slo: 'realtime' },
        local tried(metric) = q.sum(q.increase(metric, over='15m'), by=['source']),
        local failed = tried(m.realtime_failures_total),
        local established = q.otherwise(tried(m.realtime_established_total), q.times(failed, 0)),
        expr: fresh(guard.when(
          q.above(q.divide(failed, guard.positive(q.plus(failed, established))), limit.critical),
          guard.enough(failed, limit.minimum)
        )),
        keep_firing_for: '5m',
        summary: 'Realtime connections cannot be opened.',
        description: '{{ $value | humanizePercentage }} of the attempts to connect in {{ $labels.source }} failed in the last 15 '
                     + 'minutes.',
        impact: 'Users get no live updates; those who cannot fall back to polling see nothing new at all.',
        action: 'Look at the errors, then whether the realtime server runs and takes connections.',
      }),
    },
  }
