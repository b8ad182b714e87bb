// Privacy: is data deleted in time, and do people get what they ask for about theirs?
function(lib)
  local m = lib.metrics;
  local q = lib.promql;
  local limits = lib.limits;
  local alert = lib.rule.alert;
  local fresh = lib.rule.fresh;
  local privacy = { domain: 'privacy', service: 'privacy', dashboard: 'privacy', dashboard_labels: ['source'] };
  local requests = privacy { labels: { symptom: 'privacy_request' } };
  local oldest = q.greatest(m.privacy_oldest_open_request_seconds, by=['source', 'kind']);
  {
    interval: '1m',
    limits: {
      data_overdue_rows: { warning: 0 },
      privacy_request_seconds: { warning: 21 * 86400, critical: 30 * 86400 },
    },
    alerts: {
      // Deletion runs once a day: what it takes away the next night was overdue for some hours, and that is no trouble.
      DataKeptTooLong: alert(privacy {
        priority: 'P2',
        expr: fresh(q.above(
          q.greatest(q.least_over(m.privacy_data_overdue_rows, over='25h'), by=['source', 'dataset']),
          limits.data_overdue_rows.warning
        )),
        summary: 'Data is kept longer than the policy allows.',
        description: 'For more than a day {{ printf "%.0f" $value }} rows or more of {{ $labels.dataset }} in {{ $labels.source }} have '
                     + 'been overdue for deletion.',
        impact: 'The company breaks its promise to its users, and the law where it is personal data.',
        action: 'Look whether the job that deletes ran last night, and run it.',
      }),
      PrivacyRequestOverdue: alert(requests {
        priority: 'P1',
        expr: fresh(q.above(oldest, limits.privacy_request_seconds.critical)),
        summary: 'A request about personal data was not answered in time.',
        description: 'The oldest open request for {{ $labels.kind }} in {{ $labels.source }} came {{ $value | humanizeDuration }} '
                     + 'ago.',
        impact: 'The law is broken: the person may complain, and the company may be fined.',
        action: 'Answer the request today, and tell the person why it is late.',
      }),
      PrivacyRequestDueSoon: alert(requests {
        priority: 'P3',
        expr: fresh(q.above(oldest, limits.privacy_request_seconds.warning)),
        summary: 'A request about personal data is due within days.',
        description: 'The oldest open request for {{ $labels.kind }} in {{ $labels.source }} came {{ $value | humanizeDuration }} '
                     + 'ago.',
        impact: 'None yet; 30 days after it came it must be answered.',
        action: 'Find who works on it, and what it waits for.',
      }),
    },
  }
