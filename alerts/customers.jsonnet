// Customers: do they stay, pay more, use the product, and like it? Figures of a month, each the mean of a day, so that one bad
// hour is no alarm, against those of a month ago or against a target.
function(lib)
  local m = lib.metrics;
  local q = lib.promql;
  local limits = lib.limits;
  local alert = lib.rule.alert;
  local fresh = lib.rule.fresh;
  local guard = (import 'lib/guard.libsonnet')(lib);
  local month = { window: '30d' };
  local revenue = {
    priority: 'P3',
    domain: 'revenue',
    service: 'customers',
    dashboard: 'revenue',
    dashboard_labels: { billing: 'source' },
  };
  local product = revenue { domain: 'product', service: 'product', dashboard: 'product', dashboard_labels: ['source'] };
  // The mean of a day of a figure of the last month, now and a month before.
  local daily(metric, at=q) = q.greatest(at.average(metric, month, over='1d'), by=['source']);
  local before(metric) = daily(metric, q.ago('30d'));
  local customers(number) = guard.enough(q.sum(q.value(m.saas_customers, { status: 'active' }), by=['source']), number);
  local users(number) = guard.enough(q.greatest(q.value(m.saas_active_users, month), by=['source']), number);
  {
    interval: '5m',
    limits: {
      // In a company of few customers one that leaves is a large share.
      churn_increase: { factor: 1.2, difference: 0.01, minimum: 50 },
      mrr_growth_ratio: { warning: -0.02, minimum: 50 },
      trial_conversion_fall: { factor: 0.75, minimum: 30 },
      retention_ratio: { warning: 0.85, minimum: 100 },
      satisfaction_drop: { nps: 10, csat: 0.2, minimum: 30 },
      core_feature_adoption_ratio: { warning: 0.80, minimum: 100 },
      feature_adoption_ratio: { warning: 0.70 },
    },
    alerts: {
      ChurnIncreased: alert(revenue {
        local limit = limits.churn_increase,
        expr: fresh(guard.when(
          guard.risen(daily(m.saas_customer_churn_ratio), before(m.saas_customer_churn_ratio), limit), customers(limit.minimum)
        )),
        summary: 'More customers leave than a month ago.',
        description: 'Of the customers in {{ $labels.source }}, {{ $value | humanizePercentage }} left within 30 days, clearly more '
                     + 'than in the 30 days before.',
        impact: 'Recurring revenue shrinks, and the cost of winning those customers is lost.',
        action: 'See which plan, country and cohort they come from, and ask some of them why they left.',
      }),
      MrrFell: alert(revenue {
        local limit = limits.mrr_growth_ratio,
        expr: fresh(guard.when(
          q.below(
            q.greatest(q.average(m.saas_mrr_growth_ratio, month, over='1d'), by=['source', 'currency']), limit.warning
          ),
          customers(limit.minimum)
        )),
        summary: 'Monthly recurring revenue is lower than a month ago.',
        description: 'Monthly recurring revenue in {{ $labels.currency }} in {{ $labels.source }} changed by '
                     + '{{ $value | humanizePercentage }} in 30 days.',
        impact: 'The company earns less each month from now on than it did.',
        action: "Look which of the month's movements caused it: churn, contraction, or too little that is new.",
      }),
      TrialConversionFell: alert(revenue {
        local limit = limits.trial_conversion_fall,
        expr: fresh(guard.when(
          guard.fallen(daily(m.saas_trial_conversion_ratio), before(m.saas_trial_conversion_ratio), limit.factor),
          guard.enough(q.sum(q.value(m.saas_trials_ended, month), by=['source']), limit.minimum)
        )),
        summary: 'Fewer trials become customers than a month ago.',
        description: 'Of the trials in {{ $labels.source }} that ended within 30 days, {{ $value | humanizePercentage }} became '
                     + 'customers, clearly fewer than in the 30 days before.',
        impact: 'Money spent on winning trials brings fewer customers; growth falls in the months to come.',
        action: 'Look whether other people come than before, and whether they get through onboarding and checkout.',
      }),
      RetentionLow: alert(product {
        local limit = limits.retention_ratio,
        dashboard: 'retention',
        expr: fresh(guard.when(q.below(daily(m.saas_user_retention_ratio), limit.warning), users(limit.minimum))),
        summary: 'Too few users come back.',
        description: 'Of the users in {{ $labels.source }} who were active the month before, {{ $value | humanizePercentage }} were '
                     + 'active again in the last 30 days.',
        impact: 'Users who stay away are customers who leave some weeks later.',
        action: 'Find the cohorts that come back least, and what they did not do in their first weeks.',
      }),
      SatisfactionDropped: alert(product {
        local limit = limits.satisfaction_drop,
        domain: 'satisfaction',
        dashboard: 'support',
        dashboard_labels: { helpdesk: 'source' },
        // The score of one survey, where it fell by so much and has answers enough.
        local dropped(survey, metric, drop) =
          local score = daily(metric);
          local answers = q.sum(q.observations(m.satisfaction_answer_score, month { survey: survey }), by=['source']);
          local fell = guard.when(
            guard.when(score, q.above(q.minus(before(metric), score), drop)), guard.enough(answers, limit.minimum)
          );
          fell {
            expr: 'label_replace(\n%s,\n"survey", "%s", "", "")' % [fell.expr, survey],
            labels: std.set(fell.labels + ['survey']),
          },
        expr: fresh(q.otherwise(
          dropped('nps', m.satisfaction_nps, limit.nps), dropped('csat', m.satisfaction_csat_score, limit.csat)
        )),
        summary: 'Customers are less satisfied than a month ago.',
        description: 'The score of the survey {{ $labels.survey }} in {{ $labels.source }} fell to {{ printf "%.2f" $value }} within '
                     + '30 days.',
        impact: 'Customers who are unhappy leave, and tell others.',
        action: 'Read the newest answers with a low score, and what they have in common.',
      }),
      FeatureAdoptionLow: alert(product {
        local core = limits.core_feature_adoption_ratio,
        local adopted(scope) =
          q.greatest(q.average(m.feature_mean_adoption_ratio, month { scope: scope }, over='1d'), by=['source', 'scope']),
        expr: fresh(guard.when(
          q.otherwise(
            q.below(adopted('core'), core.warning), q.below(adopted('all'), limits.feature_adoption_ratio.warning)
          ),
          users(core.minimum)
        )),
        summary: 'Users use too little of the product.',
        description: 'Of the features ({{ $labels.scope }}) an active user in {{ $labels.source }} used '
                     + '{{ $value | humanizePercentage }} within 30 days, on average.',
        impact: 'Users miss what they pay for, and find less reason to stay.',
        action: 'See which feature is used least, and whether its users find it at all.',
      }),
    },
  }
