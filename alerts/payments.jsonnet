// Payments: does the money come in?
function(lib)
  local m = lib.metrics;
  local r = lib.records;
  local limit = lib.limits.payment_failure_ratio;
  {
    alerts: {
      // Five minutes are long enough to hold some payments and short enough to show an outage within two minutes: at once,
      // without a further delay. Figures of a source that is no longer read describe the past, and say nothing.
      PaymentFailures: lib.rule.alert({
        priority: 'P0',
        domain: 'payments',
        service: 'payments',
        dashboard: 'executive',
        dashboard_labels: [],
        expr: |||
          %(ratio)s > %(critical)g
          and on (source) %(failures)s >= %(minimum)g
          unless on (source) label_replace(
            time() - max by (collector) (%(last_success)s) > %(age)g,
            "source", "$1", "collector", "(.*)"
          )
        ||| % {
          ratio: r['source:payment_failures:ratio_rate5m'].name,
          failures: r['source:payment_failures:increase5m'].name,
          last_success: m.bellwether_collector_last_success_timestamp_seconds.name,
          critical: limit.critical,
          minimum: limit.minimum,
          age: lib.limits.source_age_seconds.warning,
        },
        keep_firing_for: '2m',
        summary: 'Too many payments fail.',
        description: '{{ $value | humanizePercentage }} of the payments in {{ $labels.source }} failed in the last five minutes.',
        impact: 'Customers cannot pay; every minute costs revenue, and some of them will not try again.',
        action: "Look at the payment provider's status page and at the failure reasons; switch provider or tell customers.",
      }),
    },
  }
