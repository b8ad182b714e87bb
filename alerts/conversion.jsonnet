// Conversion: do people still become users, as many of those who come as a week ago?
function(lib)
  local m = lib.metrics;
  local q = lib.promql;
  local limits = lib.limits;
  local alert = lib.rule.alert;
  local fresh = lib.rule.fresh;
  local guard = (import 'lib/guard.libsonnet')(lib);
  local conversion = {
    priority: 'P2',
    domain: 'conversion',
    service: 'sign-up',
    dashboard: 'product',
    dashboard_labels: ['source'],
  };
  {
    interval: '1m',
    limits: {
      // Below so many times what it was, less so many standard deviations of what chance alone does: few people are no alarm.
      funnel_conversion_fall: { factor: 0.8, deviations: 3 },
      sign_ups_stopped: { minimum: 10 },
      onboarding_abandonment_rise: { factor: 1.2, difference: 0.04, minimum: 50 },
    },
    alerts: {
      // Of a share that was so large a week ago, chance makes as many people this much of it: the root of share / people.
      FunnelConversionDropped: alert(conversion {
        local limit = limits.funnel_conversion_fall,
        local by = ['source', 'funnel', 'window'],
        local hourly(q, metric, where={}) = q.greatest(q.average(metric, where, over='1h'), by=by),
        local past = hourly(q.ago('7d'), m.saas_funnel_conversion_ratio),
        local chance = q.divide(past, hourly(q, m.saas_funnel_step_users, { position: '1' })),
        local least = past {
          expr: '%g * (%s) - %g * sqrt(%s)' % [limit.factor, past.expr, limit.deviations, chance.expr],
          reads:: chance.reads,
        },
        expr: fresh(guard.less(hourly(q, m.saas_funnel_conversion_ratio), least, by)),
        keep_firing_for: '15m',
        summary: 'Fewer people get through a funnel than a week ago.',
        description: 'Of those who began the funnel {{ $labels.funnel }} in {{ $labels.source }} within {{ $labels.window }}, '
                     + '{{ $value | humanizePercentage }} took the last step, clearly fewer than a week ago.',
        impact: 'People who came do not become users or customers; what was spent to win them is lost.',
        action: 'Find the step that loses them, try it yourself on a phone and a desktop, and look what was released.',
      }),
      SignUpsStopped: alert(conversion {
        local registered(q, over) = q.sum(q.increase(m.saas_users_registered_total, over=over), by=['source']),
        expr: fresh(guard.stopped(registered, '2h', '2h', '1d', '7d', limits.sign_ups_stopped.minimum)),
        summary: 'Nobody signs up.',
        description: 'Nobody has registered in {{ $labels.source }} for two hours; in the same two hours of yesterday '
                     + '{{ printf "%.0f" $value }} people did.',
        impact: 'New customers are lost, and each campaign that runs pays for nothing.',
        action: 'Sign up yourself, with an address that is new; look at the errors of the sign-up pages.',
      }),
      OnboardingAbandoned: alert(conversion {
        local limit = limits.onboarding_abandonment_rise,
        priority: 'P3',
        service: 'onboarding',
        local abandoned(q) =
          q.greatest(q.average(m.onboarding_outcome_ratio, { state: 'abandoned', window: '30d' }, over='1d'), by=['source']),
        expr: fresh(guard.when(
          guard.risen(abandoned(q), abandoned(q.ago('30d')), limit),
          guard.enough(q.sum(q.value(m.onboarding_users, { window: '30d' }), by=['source']), limit.minimum)
        )),
        summary: 'More new users give up onboarding than a month ago.',
        description: 'Of those who began onboarding in {{ $labels.source }} within 30 days, {{ $value | humanizePercentage }} gave '
                     + 'it up, clearly more than in the 30 days before.',
        impact: 'New users who do not get started rarely become customers.',
        action: 'Find the step at which they give up, and how long it takes those who get through.',
      }),
    },
  }
