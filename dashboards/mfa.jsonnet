// For those who answer for accounts: do users have a second factor, does it let them in, and who loses theirs?
function(lib)
  local m = lib.metrics;
  local r = lib.records;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;

  local all = lib.promql;
  local q = all.within({ source: '=~$source' });

  local verification = { kind: 'mfa_verification' };
  local tried(over, by=[], where={}) = q.sum(q.increase(m.auth_attempts_total, verification + where, over=over), by=by);
  // Of no attempt there is no share; where some succeeded and none failed, there may be no series of failures.
  local failing(over, by=[]) =
    q.divide(q.otherwise(tried(over, by, { outcome: 'failed' }), q.times(tried(over, by), 0)), q.above(tried(over, by), 0)) {
      help: 'Verifications that failed / all.',
    };
  local happened(metric, over, by=[]) = q.sum(q.increase(metric, over=over), by=by);
  // Requests of the flow that the application itself got wrong.
  local flow = { http_route: '=~/api/mfa.*' };
  local requests(where) = all.sum(all.observed(m.http_server_request_duration_seconds, flow + where));
  local broken = all.divide(
    all.otherwise(requests({ http_response_status_code: '=~5..' }), all.times(requests({}), 0)), all.above(requests({}), 0)
  );
  local anomalous(record) = all.value(r['anomaly:' + record] { unit: 'ratio' }, { anomaly: 'mfa-verification' });

  lib.board.page(
    title='MFA health',
    description='Second factors: how many users have one, whether it lets them in, and how often they lose it.',
    folder='Security',
    tags=['security', 'mfa'],
    time='now-24h',
    refresh='1m',
    variables=[lib.board.choice('source', 'Source', m.auth_mfa_users, first=lib.config.source)],
    down=['security', 'slos', 'anomalies', 'notifications'],
    rows=[
      [
        // Are accounts protected, and does it work?
        panel.strip('Verifications now', [
          q.rest(failing('1d')) {
            legend: 'Succeed, 24 h',
            help: 'Verifications of the last 24 hours that succeeded / all, by any method. A retry is one of its own.',
            good: 'high',
          },
          q.or_zero(failing('15m')) {
            legend: 'Fail, 15 min',
            help: 'Verifications of the last 15 minutes that failed / all; 0 without any.',
            good: 'low',
            limits: limits.mfa_failure_ratio,
          },
          q.greatest(m.auth_mfa_users) { legend: 'Users', good: 'high' },
        ], alerts=['MfaFailures']),
        panel.strip('Adoption and loss', [
          q.greatest(m.auth_mfa_adoption_ratio) {
            legend: 'Adoption',
            help: 'Registered users who have at least one second factor / all registered users.',
            good: 'high',
          },
          happened(m.auth_mfa_resets_total, '1d') { legend: 'Resets, 24 h', decimals: 0, good: 'low' },
          happened(m.auth_mfa_recovery_codes_used_total, '1d') { legend: 'Codes, 24 h', decimals: 0, good: 'low' },
        ], alerts=['MfaResets']),
      ],
      [
        // Does a method let nobody in?
        panel.series(
          'Verifications that fail, by method',
          failing('15m', ['method']),
          good='low',
          description=|||
            Verifications that failed / all, of the 15 minutes before, by method. One method alone points at what delivers or
            checks it; all of them at the login.
          |||,
          limits=limits.mfa_failure_ratio,
          alerts=['MfaFailures'],
          max=1,
        ),
        // Is that unusual for this hour?
        panel.band(
          'Failures against what is usual',
          anomalous('level') { legend: 'now' },
          anomalous('lower'),
          anomalous('upper'),
          good='low',
          expected=anomalous('expected'),
          description=|||
            Share of the verifications of an hour that failed, and the band in which it usually lies at this hour of the week.
          |||,
          alerts=['AnomalyMfaVerification'],
        ),
      ],

      section('Verification'),
      [
        // How many try, and with what luck?
        panel.series(
          'Verifications per minute',
          q.sum(q.per_minute(m.auth_attempts_total, verification), by=['outcome']),
          good='neither',
          description='Verifications of a second factor per minute, by outcome. They follow the logins of the day.',
          stacked=true,
          colours={ succeeded: 'ok', failed: 'bad' },
        ),
        // Which method works best?
        panel.bars(
          'Succeeded by method, 24 h',
          q.greatest(q.value(m.auth_mfa_success_ratio, { window: '1d' }), by=['method']),
          good='high',
          description='Verifications of the last 24 hours that succeeded / all, by method. Nothing for one that nobody used.',
          max=1,
        ),
        // Why do they fail?
        panel.ranking(
          'Reasons of failure',
          q.sum(q.increase(m.auth_failures_total, verification), by=['reason']),
          by=['reason'],
          value='Failures',
          good='low',
          description='Verifications that failed in the time shown, by the reason that the application gave.',
        ),
      ],
      [
        // Is the flow itself up?
        panel.series(
          'Requests of the flow that the application fails',
          broken { legend: 'errors' },
          good='low',
          description=|||
            Requests to /api/mfa that the application answered with a status from 500 on / all requests to it. A wrong code is
            no such error. Uptime of the flow is what is left of 100 %.
          |||,
          max=1,
        ),
        // Is it slow?
        panel.series(
          'Time to verify',
          [
            all.quantile(0.5, m.http_server_request_duration_seconds, flow) { legend: 'half of them' },
            all.quantile(0.95, m.http_server_request_duration_seconds, flow) { legend: '95 of 100' },
          ],
          good='low',
          description='Time within which that share of the requests to /api/mfa was answered.',
        ),
        // Which kinds of proof are asked for?
        panel.series(
          'Attempts per minute, by kind',
          q.sum(q.per_minute(m.auth_attempts_total), by=['kind']),
          good='neither',
          description=|||
            Attempts to prove who one is per minute: passwords, resets of them, second factors and recovery codes. The second
            factor should rise and fall with the login.
          |||,
        ),
      ],

      section('Adoption'),
      [
        // Do more users protect their accounts?
        panel.week(
          'Users with a second factor, share',
          function(q) q.greatest(m.auth_mfa_adoption_ratio),
          good='high',
          q=q,
          description='Registered users who have at least one second factor / all registered users; dashed, a week before.',
          max=1,
        ),
        // Which methods do they choose?
        panel.series(
          'Factors by method',
          q.sum(m.auth_mfa_factors, by=['method']),
          good='high',
          description='Second factors that are set up, by method; a user may have several.',
          stacked=true,
        ),
        // Are more set up than given up?
        panel.series(
          'Set up and removed, 24 h',
          [
            happened(m.auth_mfa_enrolments_total, '1d', ['method']) { legend: '{{method}} set up' },
            happened(m.auth_mfa_removals_total, '1d', ['method']) { legend: '{{method}} removed', dashed: true },
          ],
          good='neither',
          description=|||
            Second factors that were set up, and dashed those that were removed by the user or by a reset, within 24 hours, by
            method. More should be set up than removed.
          |||,
        ),
      ],

      section('Lost factors'),
      [
        // Does somebody talk support into resets?
        panel.series(
          'Resets per hour',
          happened(m.auth_mfa_resets_total, '1h') { legend: 'resets' },
          good='low',
          description=|||
            Times within an hour that the second factors of a user were reset. A wave of resets is a fault that locked users out,
            or somebody taking over accounts.
          |||,
          alerts=['MfaResets'],
        ),
        // Do users need their last resort?
        panel.series(
          'Recovery codes used per hour',
          happened(m.auth_mfa_recovery_codes_used_total, '1h') { legend: 'recovery codes' },
          good='low',
        ),
      ],
    ],
  )
