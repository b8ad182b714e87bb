// Services of others: are they up, do they let us in, and has somebody answered their calls?
function(lib)
  local alert = lib.rule.alert;
  local fresh = lib.rule.fresh;
  local is = lib.rule.is;
  local m = lib.metrics;
  local q = lib.promql;
  local limits = lib.limits;
  local guard = (import 'lib/guard.libsonnet')(lib);
  local vendor = { domain: 'thirdparty', service: 'vendors', dashboard: 'third-party', dashboard_labels: [] };
  local by = ['source'];
  {
    limits: {
      api_quota_left: { warning: 10 },
      oncall_unacknowledged: { critical: 0 },
    },
    alerts: {
      VendorDown: alert(vendor {
        priority: 'P2',
        expr: fresh(is(q.greatest(q.value(m.service_status_page_state, { indicator: '=~major|critical' }), by=['source', 'indicator']), 1)),
        'for': '2m',
        keep_firing_for: '5m',
        summary: 'A service that you depend on says that it has a major outage.',
        description: 'The status page of {{ $labels.source }} tells of trouble: {{ $labels.indicator }}.',
        impact: 'What needs that service fails or waits, whatever is done here.',
        action: 'Read its status page; turn off what needs it, and tell customers what does not work.',
      }),
      VendorMaintenance: alert(vendor {
        priority: 'P3',
        expr: fresh(q.above(
          q.sum(q.value(m.service_status_maintenances, { state: '=~in_progress|verifying' }), by=by), 0
        )),
        summary: 'A service that you depend on is under maintenance.',
        description: 'The status page of {{ $labels.source }} tells of {{ printf "%.0f" $value }} maintenances that go on now.',
        impact: 'It may fail or be slow for a while, as announced.',
        action: 'Read on its status page until when, and what is affected.',
      }),
      // Failures of other kinds mend themselves; one that is refused stays so until somebody acts.
      VendorCredentialsRefused: alert(vendor {
        priority: 'P2',
        local each = ['instance', 'collector'],
        local refused = q.sum(q.increase(m.bellwether_collector_failures_total, { reason: 'denied' }, over='1h'), by=each),
        expr: guard.when(q.above(refused, 0), is(q.greatest(m.bellwether_collector_up, by=each), 0), by=each),
        'for': '5m',
        summary: 'A service refuses the credentials that it is asked with.',
        description: 'The collector {{ $labels.collector }} was denied access {{ printf "%.0f" $value }} times within an hour.',
        impact: 'Its figures are old, then absent; the alerts that need them cannot fire.',
        action: 'Make a new key with the rights that the documentation names, and put it where the settings read it.',
      }),
      // Quotas that are refilled within seconds are low at times; so the most that was left counts.
      VendorQuotaLow: alert(vendor {
        priority: 'P3',
        expr: q.below(q.greatest(q.greatest_over(m.bellwether_api_quota_left, over='15m'), by=by), limits.api_quota_left.warning),
        keep_firing_for: '15m',
        summary: 'An API allows hardly any more requests.',
        description: 'The API of {{ $labels.source }} allows {{ printf "%.0f" $value }} more requests, at most, for 15 minutes now.',
        impact: 'When none is left its figures stop until the quota is refilled.',
        action: 'Poll it less often (`every`), or see who else uses the same account.',
      }),
      IncidentUnacknowledged: alert(vendor {
        priority: 'P1',
        service: 'oncall',
        dashboard: 'alerts',
        local waiting = q.sum(q.value(m.oncall_incidents, { state: 'triggered' }), by=['source', 'service']),
        local renamed = waiting {
          expr: 'label_replace(%s, "affected", "$1", "service", "(.*)")' % super.expr,
        },
        expr: fresh({
          expr: 'sum by (source, affected) (%s) > %g' % [renamed.expr, limits.oncall_unacknowledged.critical],
          reads:: waiting.reads,
        }),
        'for': '15m',
        summary: 'Nobody has answered an incident.',
        description: 'In {{ $labels.source }} {{ printf "%.0f" $value }} incidents of {{ $labels.affected }} have waited for a '
                     + 'quarter of an hour for somebody to take them.',
        impact: 'Nobody works on it, while everybody thinks that somebody was called.',
        action: 'Call whoever is on duty; if they cannot be reached, take the incident yourself.',
      }),
    },
  }
