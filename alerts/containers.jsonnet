// Containers: do they run, are they well, and have they room?
function(lib)
  local alert = lib.rule.alert;
  local m = lib.metrics;
  local q = lib.promql;
  local limits = lib.limits;
  local guard = (import 'lib/guard.libsonnet')(lib);
  local by = ['instance', 'name'];
  local container = { domain: 'host', service: 'containers', dashboard: 'hosts', dashboard_labels: { container: 'name' } };
  {
    limits: {
      container_memory_ratio: { warning: 0.90 },
      container_restarts: { critical: 3 },
    },
    alerts: {
      // One that starts says 0 as well, but has failed no check yet.
      ContainerUnhealthy: alert(container {
        priority: 'P1',
        expr: guard.when(
          lib.rule.is(q.least(m.container_health_state, by=by), 0),
          q.above(q.greatest(m.container_health_failing_streak, by=by), 0),
          by=by
        ),
        'for': '2m',
        summary: 'A container fails its health check.',
        description: 'The container {{ $labels.name }} has failed its health check for two minutes or more.',
        impact: 'It runs but does not do its work; who asks it gets errors or waits.',
        action: "Read its log and the check's own output (`docker inspect`), then restart it.",
      }),
      ContainerRestarting: alert(container {
        priority: 'P1',
        expr: q.above(
          q.sum(q.increase(m.container_restarts_total, over='15m'), by=by),
          limits.container_restarts.critical
        ),
        keep_firing_for: '5m',
        summary: 'A container starts again and again.',
        description: 'The container {{ $labels.name }} was restarted {{ printf "%.0f" $value }} times within 15 minutes.',
        impact: 'What it does is interrupted each time, and between restarts it does not answer.',
        action: 'Read the last lines of its log before it ends, and roll back what was deployed last.',
      }),
      ContainerOutOfMemoryKill: alert(container {
        priority: 'P1',
        expr: q.above(q.sum(q.increase(m.container_oom_events_total, over='10m'), by=by), 0),
        summary: 'Processes of a container were killed because it reached its memory limit.',
        description: 'In the container {{ $labels.name }} {{ printf "%.0f" $value }} processes were killed for want of memory '
                     + 'within ten minutes.',
        impact: 'What was killed stopped in the middle of its work; if it was the main process, the container ended with it.',
        action: 'Look whether it runs again; raise its limit if it needs more, or roll back the release that leaks.',
      }),
      ContainerMemoryNearLimit: alert(container {
        priority: 'P2',
        local working = q.greatest(m.container_memory_working_set_bytes, by=by),
        local limit = q.above(q.greatest(m.container_spec_memory_limit_bytes, by=by), 0),
        expr: q.above(q.divide(working, limit), limits.container_memory_ratio.warning),
        'for': '5m',
        keep_firing_for: '5m',
        summary: 'A container has almost reached its memory limit.',
        description: 'The container {{ $labels.name }} uses {{ $value | humanizePercentage }} of the memory that it may use.',
        impact: 'Nothing yet; at the limit the kernel kills its processes.',
        action: 'Look whether it grows without end; restart it before it is killed, or raise the limit.',
      }),
    },
  }
