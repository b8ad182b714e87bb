// Payments: does the money come in, stay, and is it counted right?
function(lib)
  local m = lib.metrics;
  local q = lib.promql;
  local r = lib.records;
  local limits = lib.limits;
  local fresh = lib.rule.fresh;
  local guard = (import 'lib/guard.libsonnet')(lib);
  local payments = { domain: 'payments', service: 'payments', dashboard: 'revenue', dashboard_labels: { billing: 'source' } };
  local succeeded(q, over) =
    q.sum(q.increase(m.payment_attempts_total, { outcome: 'succeeded' }, over=over), by=['source']);
  local refunds(q, over) = q.sum(q.increase(m.payment_refunds_total, over=over), by=['source']);
  local revenue(source) = fresh(q.sum(q.average(m.saas_mrr, { source: source }, over='6h'), by=['source', 'currency']));
  {
    interval: '30s',
    limits: {
      // So many in an hour that a quarter of an hour without one is no chance: less than once in 20,000.
      payments_stopped: { minimum: 40 },
      payment_callbacks: { critical: 5 },
      // Card networks warn a merchant from 0.75 % on. Of few payments one dispute is a large share.
      payment_dispute_ratio: { warning: 0.0075, minimum: 5 },
      payment_refunds: { minimum: 10, factor: 2 },
      revenue_difference_ratio: { warning: 0.01 },
    },
    alerts: {
      // Five minutes are long enough to hold some payments and short enough to show an outage within two minutes: at once,
      // without a further delay.
      PaymentFailures: lib.rule.alert(payments {
        priority: 'P0',
        labels: { slo: 'payment-processing' },
        expr: fresh(guard.when(
          q.above(r['source:payment_failures:ratio_rate5m'], limits.payment_failure_ratio.critical),
          guard.enough(r['source:payment_failures:increase5m'], limits.payment_failure_ratio.minimum)
        )),
        keep_firing_for: '2m',
        summary: 'Too many payments fail.',
        description: '{{ $value | humanizePercentage }} of the payments in {{ $labels.source }} failed in the last five minutes.',
        impact: 'Customers cannot pay; every minute costs revenue, and some of them will not try again.',
        action: "Look at the payment provider's status page and at the failure reasons; switch provider or tell customers.",
      }),
      PaymentsStopped: lib.rule.alert(payments {
        priority: 'P0',
        expr: fresh(guard.stopped(succeeded, '15m', '1h', '23h30m', '167h30m', limits.payments_stopped.minimum)),
        summary: 'No payment comes in.',
        description: 'No payment in {{ $labels.source }} has succeeded for 15 minutes; yesterday about this time it was '
                     + '{{ printf "%.0f" $value }} in an hour.',
        impact: 'Nothing is earned. Customers most probably cannot reach the checkout, or their payments are not recorded.',
        action: 'Try to buy something yourself; look whether requests reach the checkout and the provider.',
      }),
      // The least of 20 minutes: what is only under way is not counted.
      PaymentCallbacksUndelivered: lib.rule.alert(payments {
        priority: 'P1',
        expr: fresh(guard.enough(
          q.greatest(q.least_over(m.payment_webhook_events_undelivered, { window: '1h' }, over='20m'), by=['source']),
          limits.payment_callbacks.critical
        )),
        keep_firing_for: '10m',
        summary: 'Callbacks of the payment provider do not arrive.',
        description: '{{ printf "%.0f" $value }} events that {{ $labels.source }} sent within the last hour were not accepted.',
        impact: 'Payments succeed that the product does not learn of: customers pay and get nothing, cancelled ones keep access.',
        action: "Look in the provider's console what the endpoint answered to the deliveries that failed.",
      }),
      DisputesHigh: lib.rule.alert(payments {
        priority: 'P2',
        expr: fresh(guard.when(
          q.above(
            q.greatest(q.value(m.payment_dispute_ratio, { window: '30d' }), by=['source']), limits.payment_dispute_ratio.warning
          ),
          guard.enough(
            q.sum(q.value(m.payment_disputes, { state: 'open' }), by=['source']), limits.payment_dispute_ratio.minimum
          )
        )),
        'for': '1h',
        summary: 'Too many payments are disputed.',
        description: 'In 30 days {{ $value | humanizePercentage }} of the payments in {{ $labels.source }} were disputed.',
        impact: 'Each dispute costs its amount and a fee; above one per cent card networks fine the company, then exclude it.',
        action: 'Read the reasons of the newest disputes: fraud asks for checks at the checkout, the others for an answer.',
      }),
      RefundsHigh: lib.rule.alert(payments {
        priority: 'P2',
        expr: fresh(guard.more(refunds(q, '1d'), q.times(refunds(q.ago('1d'), '7d'), 1 / 7), limits.payment_refunds)),
        keep_firing_for: '1h',
        summary: 'Much more is given back than usual.',
        description: '{{ printf "%.0f" $value }} payments in {{ $labels.source }} were given back within a day, more than twice as '
                     + 'many as usual.',
        impact: 'Revenue is lost, and what customers are unhappy about goes on.',
        action: 'Read the reasons of the newest refunds, to tell a wrong charge for many from a fault of the product and from fraud.',
      }),
      // Means of six hours: one source is read every hour, and a customer who joins in between is no difference.
      RevenueSourcesDisagree: lib.rule.alert(payments {
        priority: 'P3',
        domain: 'revenue',
        local own = q.sum(revenue(lib.config.source), by=['currency']),
        local share = q.divide(revenue('!=' + lib.config.source), guard.positive(own)),
        expr: q.above(share { expr: 'abs((%s) - 1)' % super.expr }, limits.revenue_difference_ratio.warning),
        keep_firing_for: '1h',
        summary: 'Two sources tell different recurring revenue.',
        description: 'Monthly recurring revenue in {{ $labels.currency }} as {{ $labels.source }} tells it differs by '
                     + '{{ $value | humanizePercentage }} from what %s tells.' % lib.config.source,
        impact: 'One figure is wrong: subscriptions are not charged, or charged and not known to the product.',
        action: 'Compare revenue by plan in both sources; where it differs, compare the subscriptions one by one.',
      }),
    },
  }
