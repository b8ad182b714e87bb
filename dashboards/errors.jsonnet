// For developers: what breaks in users' hands, is it new, how many meet it, and how soon is it mended?
function(lib)
  local m = lib.metrics;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;

  local all = lib.promql;
  local q = all.within({ source: '=~$tracker', project: '=~$project' });

  local hour = { window: '1h' }, day = { window: '1d' }, month = { window: '30d' };
  // Several services may tell of the same errors, so that nothing is added up over sources.
  local by = ['source', 'project'];
  local project = '{{project}}';
  local total(metric, where) = q.sum(q.value(metric, where), by=['source']);
  local each(metric, where) = q.sum(q.value(metric, where), by=by) { legend: project };
  local mending(share, window) = q.quantile_now(share, m.error_resolution_seconds, { window: window }, by=['source']);

  // Errors that the application itself answered with.
  local requests(where={}, by=[]) = all.sum(all.observed(m.http_server_request_duration_seconds, where), by=by);
  local failed = { http_response_status_code: '=~5..' };
  local failing(by) = all.divide(
    all.otherwise(requests(failed, by), all.times(requests(by=by), 0)), all.above(requests(by=by), 0)
  ) {
    help: 'Requests that the application answered with a status from 500 on / all requests.',
  };

  lib.board.page(
    title='Errors',
    description='Errors that users met, as error tracking sees them: how many, which are new, who is hurt, how soon they are mended.',
    folder='Technical',
    tags=['technical', 'errors'],
    time='now-24h',
    refresh='1m',
    variables=[
      lib.board.choice('source', 'Error tracker', m.error_events, first='sentry', name='tracker'),
      lib.board.variable('project', 'Project', m.error_events, { source: '=~$tracker' }),
    ],
    down=['slos', 'technical', 'operations', 'web-vitals'],
    rows=[
      [
        // Is something new broken, and for how many?
        panel.strip('Errors now', [
          total(m.error_issues, { level: 'critical', state: '=~new|regressed|escalating' }) {
            legend: 'Critical',
            help: 'Unresolved critical issues that are new, came back or grow.',
            good: 'low',
            limits: { critical: 1 },
          },
          total(m.error_events, hour { level: '=~critical|error' }) {
            legend: 'Errors, 1 h',
            help: 'Errors of the levels critical and error within an hour.',
            good: 'low',
          },
          total(m.error_new_issues, day) { legend: 'New, 24 h', help: 'Issues first seen within 24 hours.', good: 'low' },
          total(m.error_issues, {}) { legend: 'Unresolved', help: 'Unresolved issues that were seen within 14 days.', good: 'low' },
        ], alerts=['CriticalApplicationError']) { width: 13 },
        panel.strip('Who is hurt now', [
          total(m.error_affected_users, day) {
            legend: 'Users, 24 h',
            help: 'Users who met an error within 24 hours; one of two projects counts twice.',
            good: 'low',
          },
          q.least(q.value(m.error_crash_free_sessions_ratio, day), by=['source']) {
            legend: 'Crash-free',
            help: 'Share of the sessions of 24 hours that did not end in a crash, of the project where it is least.',
            decimals: 2,
            good: 'high',
            limits: limits.error_crash_free_sessions_ratio,
          },
          failing([]) { legend: 'API errors', decimals: 2, good: 'low', limits: limits.api_error_ratio },
        ], alerts=['CrashFreeSessionsLow']) { width: 11 },
      ],
      [
        // When did it begin?
        panel.series(
          'Errors by level, 1 h',
          q.sum(q.value(m.error_events, hour), by=['source', 'level']) { legend: '{{level}}' },
          good='low',
          description='Errors of the hour before, by level. A step up at a release is that release.',
          stacked=true,
          colours={ critical: 'bad', 'error': 'warn', warning: 'accent', info: 'neutral' },
          alerts=['ErrorEventsSpike'],
        ),
        // Is it more than a week ago?
        panel.week(
          'Errors by project, 1 h',
          function(q) q.sum(q.value(m.error_events, hour { level: '=~critical|error' }), by=by) { legend: project },
          good='low',
          q=q,
          description='Errors of the levels critical and error of the hour before, by project; dashed, a week before.',
          alerts=['ErrorEventsSpike'],
        ),
      ],

      section('What they are'),
      [
        // Our code, the network, another service, or what people type?
        panel.series(
          'Errors by kind, 1 h',
          q.sum(q.value(m.error_kind_events, hour), by=['source', 'kind']) { legend: '{{kind}}' },
          good='low',
          description=|||
            Errors of the hour before, by kind: script is a fault of the code, network a connection, api an answer of another
            service, validation input that is refused.
          |||,
          stacked=true,
        ),
        // Is there anything new?
        panel.series(
          'New issues, 1 h',
          each(m.error_new_issues, hour),
          good='low',
          description='Issues first seen within the hour before, by project.',
          alerts=['CriticalApplicationError'],
        ),
        // What is left to do?
        panel.ranking(
          'Unresolved issues',
          q.or_zero(q.above(q.sum(m.error_issues, by=['project', 'level', 'state', 'source']), 0)),
          by=['project', 'level', 'state'],
          value='Issues',
          good='low',
          description='Unresolved issues that were seen within 14 days, by project, level and state.',
          alerts=['CriticalApplicationError'],
        ),
      ],
      [
        // Do issues pile up?
        panel.series(
          'Unresolved issues by state',
          q.sum(m.error_issues, by=['source', 'state']) { legend: '{{state}}' },
          good='low',
          description='Unresolved issues by state. Regressed ones were mended once; escalating ones grow.',
          stacked=true,
          colours={ regressed: 'warn', escalating: 'bad', new: 'accent', ongoing: 'neutral' },
        ),
        // Which routes fail?
        panel.ranking(
          'Routes that fail',
          all.or_zero(all.above(all.sum(
            all.increase(
              m.http_server_request_duration_seconds { name: super.name + '_count', type: 'counter', unit: '' }, failed, over='$__range'
            ), by=['http_route', 'http_response_status_code']
          ), 0)) { reads:: [m.http_server_request_duration_seconds.name] },
          by=['http_route', 'http_response_status_code'],
          value='Requests',
          good='low',
          description='Requests in the time shown that the application answered with a status from 500 on, by route and status.',
        ),
        // How large a share of requests is that?
        panel.series(
          'Answers that are errors, by route',
          all.or_zero(all.above(failing(['http_route']), 0)),
          good='low',
          description='Requests that the application answered with a status from 500 on / all, by route. Routes without an error are left out.',
          limits=limits.api_error_ratio,
        ),
      ],

      section('Who is hurt'),
      [
        // How many meet them?
        panel.series(
          'Users who met an error',
          [
            each(m.error_affected_users, hour) { legend: project + ', 1 h' },
            each(m.error_affected_users, day) { legend: project + ', 24 h', dashed: true },
          ],
          good='low',
          description='Users who met at least one error within the hour before, and dashed within 24 hours, by project.',
        ),
        // Does the product crash?
        panel.series(
          'Crash-free, 24 h',
          [
            q.least(q.value(m.error_crash_free_sessions_ratio, day), by=by) { legend: project + ' sessions' },
            q.least(q.value(m.error_crash_free_users_ratio, day), by=by) {
              legend: project + ' users',
              dashed: true,
            },
          ],
          good='high',
          description='Share of the sessions of 24 hours that did not end in a crash, and dashed of their users who met none.',
          limits=limits.error_crash_free_sessions_ratio,
          alerts=['CrashFreeSessionsLow'],
          max=1,
        ),
        // Of how many?
        panel.series('Sessions, 24 h', each(m.error_sessions, day), good='high'),
      ],

      section('How soon they are mended'),
      [
        panel.series(
          'Time to resolve',
          [
            mending(0.5, '7d') { legend: 'half, 7 d' },
            mending(0.5, '30d') { legend: 'half, 30 d', dashed: true },
            mending(0.9, '30d') { legend: '9 of 10, 30 d', dashed: true },
          ],
          good='low',
          description=|||
            Time from an issue's first sight, or return, until it was resolved: half were faster than that, 9 of 10 were, of those
            resolved within 7 and 30 days.
          |||,
        ),
        // By project?
        panel.bars(
          'Time to resolve by project, 30 d',
          q.quantile_now(0.5, m.error_resolution_seconds, month, by=by) { legend: project },
          good='low',
          description='Half of the issues resolved within 30 days were resolved sooner than that.',
        ),
        // Can these figures be trusted?
        panel.series(
          'Errors that were not kept, 24 h',
          q.sum(q.value(m.error_dropped_events, day), by=['source', 'outcome']) { legend: '{{outcome}}' },
          good='low',
          description=|||
            Errors within 24 hours that were reported and not kept, by the reason: they are in no other figure. Rate limits hide
            an outage's true size.
          |||,
          stacked=true,
        ),
      ],
    ],
  )
