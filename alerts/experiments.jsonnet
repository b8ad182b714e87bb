// Experiments: can their figures be believed, and does one of them hurt?
function(lib)
  local m = lib.metrics;
  local q = lib.promql;
  local limits = lib.limits;
  local alert = lib.rule.alert;
  local fresh = lib.rule.fresh;
  local guard = (import 'lib/guard.libsonnet')(lib);
  local experiments = {
    domain: 'product',
    service: 'experiments',
    dashboard: 'experiments',
    dashboard_labels: [],
  };
  local by = ['source', 'experiment'];
  local running = lib.rule.is(q.greatest(m.experiment_running, by=by), 1);
  {
    interval: '1m',
    limits: {
      sample_ratio_p_value: { warning: 0.001, minimum: 100 },
      guardrail_breached: { warning: 1 },
    },
    alerts: {
      // The greatest of an hour: it has been so unlikely all the time.
      ExperimentUneven: alert(experiments {
        local limit = limits.sample_ratio_p_value,
        priority: 'P3',
        expr: fresh(guard.when(
          guard.when(
            q.below(q.greatest(q.greatest_over(m.experiment_sample_ratio_p_value, over='1h'), by=by), limit.warning), running, by
          ),
          guard.enough(q.sum(m.experiment_exposed_units, by=by), limit.minimum),
          by
        )),
        keep_firing_for: '1h',
        summary: 'The variants of an experiment have other shares of users than planned.',
        description: 'In {{ $labels.experiment }} ({{ $labels.source }}) numbers of users like these come about by chance with a '
                     + 'probability of {{ printf "%.2g" $value }}.',
        impact: 'Every result of the experiment is worthless: who is missing is not missing by chance.',
        action: 'Decide nothing by it; look how users are assigned, and where one variant loses them or their events.',
      }),
      ExperimentHarms: alert(experiments {
        priority: 'P2',
        expr: fresh(guard.when(
          lib.rule.is(
            q.greatest(
              q.least_over(m.experiment_guardrail_breached, over='30m'), by=['source', 'experiment', 'variant', 'metric', 'measure']
            ),
            limits.guardrail_breached.warning
          ),
          running,
          by
        )),
        keep_firing_for: '15m',
        summary: 'A variant of an experiment does harm.',
        description: 'In {{ $labels.experiment }} ({{ $labels.source }}) the variant {{ $labels.variant }} is worse than the control '
                     + 'in {{ $labels.metric }} ({{ $labels.measure }}), a figure that must not suffer.',
        impact: 'Users who were given the variant fare worse than the others, each hour that it runs.',
        action: 'Turn the variant off, unless whoever runs the experiment accepts the harm for a reason.',
      }),
    },
  }
