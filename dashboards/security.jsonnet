// For those who guard accounts and data: does somebody try to get in, did somebody get in, and is what is protected left alone?
function(lib)
  local m = lib.metrics;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;
  local q = lib.promql.within({ source: '=~$source' });

  local severity = ['severity'];
  local login = { kind: 'login' };
  local denied = { outcome: 'denied' };
  local happened(metric, over, where={}, by=[], from=q) = q.sum(from.increase(metric, where, over=over), by=by);
  // A finding is bad from the first on.
  local any_critical = { critical: limits.security_events_open.critical + 1 };
  local open(where={}) = q.sum(q.value(m.security_events_open, where));

  // How many it takes at that time for the alert: what the same two hours of yesterday or of this day last week brought, times a
  // factor, and some more (alerts/lib/guard.libsonnet).
  local fires(metric, where, minutes, limit) =
    local before(ago) = q.times(happened(metric, '2h', where, from=q.ago(ago)), minutes / 120);
    local named(e, day) = 'label_replace(%s, "before", "%s", "", "")' % [e.expr, day];
    local most = q.sum(before('23h')) {
      expr: '%g + %g * max(%s or %s)' % [limit.minimum, limit.factor, named(before('23h'), 'day'), named(before('167h'), 'week')],
    };
    most { legend: 'an alert from here on', dashed: true };
  // What happened within some minutes, beside how many it takes for the alert.
  local watched(title, metric, minutes, where, limit, alert, description, name) = panel.series(
    title,
    [happened(metric, '%dm' % minutes, where) { legend: name }, fires(metric, where, minutes, limit)],
    good='low',
    description=description,
    alerts=[alert],
  );

  lib.board.page(
    title='Security',
    description='Logins, access to protected data, violations of policy and findings of security monitoring. Trouble first.',
    folder='Security',
    tags=['security', 'audit'],
    time='now-24h',
    refresh='30s',
    variables=[lib.board.choice('source', 'Source', m.security_events_open, first=lib.config.source)],
    down=['mfa', 'privacy', 'anomalies', 'alerts'],
    rows=[
      [
        // Is somebody in, or trying?
        panel.strip('Threats now', [
          open({ severity: 'critical' }) {
            legend: 'Critical',
            help: 'Critical findings that are not dealt with; there should be none.',
            good: 'low',
            limits: any_critical,
          },
          happened(m.security_policy_violations_total, '1d') {
            legend: 'Violations',
            help: 'Entries of the audit log within 24 hours that break a policy.',
            decimals: 0,
            good: 'low',
            limits: limits.policy_violations,
          },
          happened(m.auth_unusual_logins_total, '1d') { legend: 'Unusual logins', decimals: 0, good: 'low' },
          happened(m.security_accesses_total, '1d', denied) {
            legend: 'Denied',
            help: 'What was asked for without permission within 24 hours.',
            decimals: 0,
            good: 'low',
          },
        ], alerts=['CriticalSecurityEvent', 'PolicyViolated']) { width: 14 },
        panel.strip('Logins now', [
          happened(m.auth_attempts_total, '15m', login { outcome: 'failed' }) {
            legend: 'Fail, 15 min',
            help: 'Attempts to sign in within 15 minutes that failed.',
            decimals: 0,
            good: 'low',
          },
          q.greatest(q.value(m.auth_login_success_ratio, { window: '1d' })) {
            legend: 'Succeed, 24 h',
            good: 'high',
          },
          happened(m.auth_lockouts_total, '1d') { legend: 'Lock-outs, 24 h', decimals: 0, good: 'low' },
        ]) { width: 10 },
      ],
      [
        // Is it an attack?
        watched(
          'Failed logins, 15 min',
          m.auth_attempts_total,
          15,
          login { outcome: 'failed' },
          limits.login_failures,
          'LoginFailures',
          |||
            Attempts to sign in that failed, of the 15 minutes before. Dashed, how many it takes for the alert: more than ten
            above what is usual at this time.
          |||,
          'failed',
        ),
        // What do the watchers say?
        panel.firing(
          'Security alerts that fire',
          description='Alerts on security that fire now, the most urgent first. None is good.',
          where={ domain: '=~security|privacy' },
        ),
      ],

      section('Signing in'),
      [
        // How many sign in, and with what luck?
        panel.series(
          'Logins per minute',
          q.sum(q.per_minute(m.auth_attempts_total, login), by=['outcome']),
          good='neither',
          description='Attempts to sign in per minute, by outcome. They follow the time of day; failed should be near the bottom.',
          stacked=true,
          colours={ succeeded: 'ok', failed: 'bad' },
        ),
        // Why do they fail: wrong passwords, or a fault of ours?
        panel.series(
          'Failed logins by reason, 15 min',
          happened(m.auth_failures_total, '15m', login, ['reason']),
          good='low',
          description=|||
            Attempts to sign in that failed within 15 minutes, by reason. Wrong passwords for many accounts are an attack; one
            technical reason is a fault.
          |||,
          stacked=true,
        ),
        // Does the share of those who get in hold?
        panel.week(
          'Logins that succeed, 24 h',
          function(q) q.greatest(q.value(m.auth_login_success_ratio, { window: '1d' })),
          good='high',
          q=q,
          description='Attempts to sign in within 24 hours that succeeded / all, by any method; dashed, the same a week before.',
          max=1,
        ),
      ],
      [
        watched(
          'Lock-outs, 15 min',
          m.auth_lockouts_total,
          15,
          {},
          limits.account_lockouts,
          'AccountLockouts',
          'Users locked out within 15 minutes; dashed, how many it takes for the alert.',
          'lock-outs',
        ),
        // Did somebody get in who should not have?
        watched(
          'Unusual logins, 1 h',
          m.auth_unusual_logins_total,
          60,
          {},
          limits.unusual_logins,
          'UnusualLogins',
          |||
            Logins within an hour that succeeded from a place or device that is new for the user; dashed, how many it takes for
            the alert.
          |||,
          'unusual',
        ),
        // Are passwords being reset in heaps?
        panel.series(
          'Other attempts per minute',
          q.sum(q.per_minute(m.auth_attempts_total, { kind: '!=login' }), by=['kind', 'outcome']),
          good='neither',
          description='Attempts per minute to prove who one is by other means than a login, such as resets of passwords.',
        ),
      ],

      section('Access to data'),
      [
        // Does somebody look for what he may not see?
        watched(
          'Access denied, 15 min',
          m.security_accesses_total,
          15,
          denied,
          limits.access_denied,
          'AccessDenied',
          |||
            Entries of the audit log within 15 minutes that were denied for want of permission; dashed, how many it takes for
            the alert.
          |||,
          'denied',
        ),
        // Is protected data leaving?
        watched(
          'Access to protected data, 1 h',
          m.security_sensitive_accesses_total,
          60,
          {},
          limits.sensitive_access,
          'SensitiveAccess',
          |||
            Times within an hour that data which deserves protection was asked for, allowed or not; dashed, how many it takes
            for the alert.
          |||,
          'protected data',
        ),
        // Which rule was broken?
        panel.series(
          'Violations of policy, 15 min',
          happened(m.security_policy_violations_total, '15m', by=['action']),
          good='low',
          description='Entries of the audit log within 15 minutes that break a policy, by what was asked for. 0 is good.',
          limits=limits.policy_violations,
          alerts=['PolicyViolated'],
        ),
      ],
      [
        // What does the audit log hold?
        panel.ranking(
          'Audit log',
          happened(m.security_accesses_total, '$__range', by=['action', 'outcome']),
          by=['action', 'outcome'],
          value='Entries',
          good='neither',
          description='Entries of the audit log in the time shown, by what was asked for and whether it was allowed.',
        ),
        // Which actions touch what is protected?
        panel.ranking(
          'Protected data by action',
          happened(m.security_sensitive_accesses_total, '$__range', by=['action', 'outcome']),
          by=['action', 'outcome'],
          value='Entries',
          good='low',
          description='Times in the time shown that protected data was asked for, by action and outcome.',
        ),
      ],

      section('Findings'),
      [
        // What is not dealt with, and how bad is it?
        panel.bars(
          'Open findings by severity',
          q.sum(m.security_events_open, by=severity),
          good='low',
          alerts=['CriticalSecurityEvent'],
        ),
        // Does anything lie about?
        panel.bars(
          'Oldest open finding',
          q.greatest(m.security_oldest_open_event_seconds, by=severity),
          good='low',
          description='Age of the oldest finding that is not dealt with, by severity. Nothing where none is open.',
        ),
        // What is found most?
        panel.ranking(
          'Findings by kind',
          happened(m.security_events_total, '$__range', by=['severity', 'kind']),
          by=['kind', 'severity'],
          value='Findings',
          good='low',
          description='Findings of security monitoring in the time shown, by kind and severity.',
        ),
      ],
      [
        // Are more found than dealt with?
        panel.series(
          'Found and dealt with, 24 h',
          [
            happened(m.security_events_total, '1d', by=severity) { legend: '{{severity}} found' },
            happened(m.security_events_resolved_total, '1d', by=severity) { legend: '{{severity}} dealt with', dashed: true },
          ],
          good='low',
          description='Findings of the 24 hours before, by severity; dashed, those that were dealt with. The two should keep up.',
        ),
        // How long does it take?
        panel.series(
          'Time to deal with a finding, 30 d',
          [
            q.quantile_now(0.5, m.security_event_resolution_seconds, { window: '30d' }, by=severity) { legend: '{{severity}}, half' },
            q.quantile_now(0.9, m.security_event_resolution_seconds, { window: '30d' }, by=severity) {
              legend: '{{severity}}, 9 of 10',
              dashed: true,
            },
          ],
          good='low',
          description='Time from the finding until it was dealt with, of those dealt with in 30 days: half were faster, 9 of 10 were.',
        ),
      ],
    ],
  )
