// Support: do customers suddenly need help, and do they get it?
function(lib)
  local m = lib.metrics;
  local q = lib.promql;
  local limits = lib.limits;
  local alert = lib.rule.alert;
  local fresh = lib.rule.fresh;
  local guard = (import 'lib/guard.libsonnet')(lib);
  local support = {
    priority: 'P2',
    domain: 'support',
    service: 'support',
    dashboard: 'support',
    dashboard_labels: { helpdesk: 'source' },
  };
  {
    interval: '1m',
    limits: {
      support_tickets_spike: { minimum: 10, factor: 2 },
      support_first_response_seconds: { warning: 3600, minimum: 20 },
      support_backlog_growth: { factor: 1.2, difference: 20 },
    },
    alerts: {
      SupportTicketSpike: alert(support {
        local created(q, over) = q.sum(q.increase(m.support_tickets_created_total, over=over), by=['source']),
        expr: fresh(guard.spike(created, 30, limits.support_tickets_spike)),
        keep_firing_for: '10m',
        summary: 'Customers suddenly ask for help.',
        description: '{{ printf "%.0f" $value }} tickets came in {{ $labels.source }} within half an hour, far more than at this '
                     + 'time of other days.',
        impact: 'Something is broken for many customers at once, perhaps something that nothing else watches.',
        action: 'Read the newest tickets: what do they have in common? Look which other alerts fire.',
      }),
      SupportAnswersSlow: alert(support {
        local limit = limits.support_first_response_seconds,
        local week = { window: '7d' },
        local response = m.support_first_response_seconds,
        expr: fresh(guard.when(
          q.above(q.quantile_now(0.5, response, week, by=['source']), limit.warning),
          guard.enough(q.sum(q.observations(response, week), by=['source']), limit.minimum)
        )),
        keep_firing_for: '1h',
        summary: 'Customers wait too long for a first answer.',
        description: 'Half of the tickets in {{ $labels.source }} answered in the last seven days waited longer than '
                     + '{{ $value | humanizeDuration }} for it.',
        impact: 'Customers who wait are unhappy, write again and leave more often.',
        action: 'See when and with which priority tickets wait, and move people to those hours.',
      }),
      SupportBacklogGrowing: alert(support {
        priority: 'P3',
        local open(q) = q.sum(q.average(m.support_tickets_open, over='1d'), by=['source']),
        expr: fresh(guard.risen(open(q), open(q.ago('7d')), limits.support_backlog_growth)),
        summary: 'More and more tickets stay open.',
        description: '{{ printf "%.0f" $value }} tickets in {{ $labels.source }} are open, clearly more than a week ago.',
        impact: 'Answers will be late from now on, and later each week.',
        action: 'See whether more come or fewer are resolved; settle together what many ask for.',
      }),
    },
  }
