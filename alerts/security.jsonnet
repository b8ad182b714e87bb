// Security: does somebody try to get in, did somebody get in, and is what is protected left alone?
function(lib)
  local m = lib.metrics;
  local q = lib.promql;
  local limits = lib.limits;
  local alert = lib.rule.alert;
  local fresh = lib.rule.fresh;
  local guard = (import 'lib/guard.libsonnet')(lib);
  // The service is told apart where one alert must not mute another: many failed logins explain lock-outs, but not that
  // somebody got in.
  local security = { domain: 'security', service: 'login', dashboard: 'security', dashboard_labels: ['source'] };
  local audit = security { service: 'audit' };
  local mfa = security { service: 'mfa', dashboard: 'mfa' };
  local happened(metric, where={}) = function(q, over) q.sum(q.increase(metric, where, over=over), by=['source']);
  {
    interval: '30s',
    limits: {
      // More than ten in 15 minutes above what is usual.
      login_failures: { minimum: 11, factor: 2 },
      account_lockouts: { minimum: 3, factor: 2 },
      unusual_logins: { minimum: 5, factor: 2 },
      access_denied: { minimum: 5, factor: 2 },
      sensitive_access: { minimum: 30, factor: 2 },
      policy_violations: { critical: 1 },
      security_events_open: { critical: 0 },
      mfa_failure_ratio: { critical: 0.30, minimum: 10 },
      mfa_resets: { minimum: 5, factor: 2 },
    },
    alerts: {
      LoginFailures: alert(security {
        priority: 'P0',
        expr: fresh(guard.spike(
          happened(m.auth_attempts_total, { kind: 'login', outcome: 'failed' }), 15, limits.login_failures
        )),
        keep_firing_for: '5m',
        summary: 'Far more logins fail than usual.',
        description: '{{ printf "%.0f" $value }} logins in {{ $labels.source }} failed within 15 minutes, more than ten above what is '
                     + 'usual at this time.',
        impact: 'Somebody guesses passwords and may get into accounts; or users cannot sign in.',
        action: 'Look at the reasons and where the attempts come from: block them if few places, roll back if all users fail.',
      }),
      AccountLockouts: alert(security {
        priority: 'P1',
        expr: fresh(guard.spike(happened(m.auth_lockouts_total), 15, limits.account_lockouts)),
        keep_firing_for: '5m',
        summary: 'Several users are locked out.',
        description: '{{ printf "%.0f" $value }} users in {{ $labels.source }} were locked out within 15 minutes.',
        impact: 'Users cannot work, and somebody probably tried their passwords.',
        action: 'Look whether one place tried them all; block it, and help those users back in.',
      }),
      UnusualLogins: alert(security {
        priority: 'P1',
        service: 'accounts',
        expr: fresh(guard.spike(happened(m.auth_unusual_logins_total), 60, limits.unusual_logins)),
        keep_firing_for: '5m',
        summary: 'Many users sign in from places or devices that are new for them.',
        description: '{{ printf "%.0f" $value }} logins in {{ $labels.source }} within an hour came from a new place or device, far '
                     + 'more than usual.',
        impact: 'Accounts may be in strange hands: the passwords worked.',
        action: 'Look whether these logins come from few networks; end their sessions and have those passwords changed.',
      }),
      AccessDenied: alert(audit {
        priority: 'P1',
        expr: fresh(guard.spike(happened(m.security_accesses_total, { outcome: 'denied' }), 15, limits.access_denied)),
        keep_firing_for: '5m',
        summary: 'Far more is asked for without permission than usual.',
        description: '{{ printf "%.0f" $value }} requests in {{ $labels.source }} were denied for want of permission within 15 '
                     + 'minutes.',
        impact: 'Somebody looks for what he may not see; or a release took permissions away from those who need them.',
        action: 'Find in the audit log who was denied what: one account or many, one action or all.',
      }),
      SensitiveAccess: alert(audit {
        priority: 'P1',
        expr: fresh(guard.spike(happened(m.security_sensitive_accesses_total), 60, limits.sensitive_access)),
        keep_firing_for: '5m',
        summary: 'Far more protected data is read than usual.',
        description: '{{ printf "%.0f" $value }} times within an hour protected data in {{ $labels.source }} was asked for, far more '
                     + 'than at this time of other days.',
        impact: 'Personal data may be leaving the company; the law may ask to report it within 72 hours.',
        action: 'Find in the audit log who reads it; if the account should not, end its sessions now.',
      }),
      PolicyViolated: alert(audit {
        priority: 'P1',
        expr: fresh(guard.enough(
          q.sum(q.increase(m.security_policy_violations_total, over='15m'), by=['source', 'action']),
          limits.policy_violations.critical
        )),
        summary: 'A policy was violated.',
        description: '{{ printf "%.0f" $value }} times within 15 minutes {{ $labels.action }} in {{ $labels.source }} broke a policy.',
        impact: 'A rule that protects customers or the company was broken.',
        action: 'Find the entry in the audit log, ask who did it, and undo it.',
      }),
      CriticalSecurityEvent: alert(security {
        priority: 'P0',
        service: 'security',
        expr: fresh(q.above(
          q.sum(q.value(m.security_events_open, { severity: 'critical' }), by=['source']), limits.security_events_open.critical
        )),
        summary: 'A critical finding of security monitoring is open.',
        description: '{{ printf "%.0f" $value }} critical findings in {{ $labels.source }} are not dealt with.',
        impact: 'Data or money of customers is in danger.',
        action: 'Open the finding, stop what goes on, and keep what proves it.',
      }),
      MfaFailures: alert(mfa {
        priority: 'P1',
        local limit = limits.mfa_failure_ratio,
        local by = ['source', 'method'],
        local verified(where={}) =
          q.sum(q.increase(m.auth_attempts_total, { kind: 'mfa_verification' } + where, over='15m'), by=by),
        local failed = verified({ outcome: 'failed' }),
        expr: fresh(guard.when(
          q.above(q.divide(failed, guard.positive(verified())), limit.critical), guard.enough(failed, limit.minimum), by
        )),
        keep_firing_for: '5m',
        summary: 'Second factors are refused.',
        description: '{{ $value | humanizePercentage }} of the verifications by {{ $labels.method }} in {{ $labels.source }} failed in '
                     + 'the last 15 minutes.',
        impact: 'Users with a second factor cannot sign in; or somebody who has passwords guesses codes.',
        action: "Look whether one method fails alone, whether its messages are delivered, and whether the server's clock is right.",
      }),
      MfaResets: alert(mfa {
        priority: 'P2',
        expr: fresh(guard.spike(happened(m.auth_mfa_resets_total), 60, limits.mfa_resets)),
        keep_firing_for: '5m',
        summary: 'Many second factors are reset.',
        description: '{{ printf "%.0f" $value }} times within an hour the second factors of a user in {{ $labels.source }} were '
                     + 'reset, far more than usual.',
        impact: 'Somebody may talk support into resets to take over accounts; or users were locked out by a fault.',
        action: 'Find who asked for the resets and who made them; hold further ones until that is clear.',
      }),
    },
  }
