// For those who look after the product's users: how many, how often, for how long, with what, and do they get in?
function(lib)
  local m = lib.metrics;
  local panel = lib.panel;
  local section = lib.board.section;

  local all = lib.promql;
  local q = all.within({ source: '=~$source' });

  local day = { window: '1d' }, week = { window: '7d' }, month = { window: '30d' };
  local active(window) = q.greatest(q.value(m.saas_active_users, { window: window }));
  local sessions(by=[]) = q.sum(q.value(m.saas_sessions, day), by=by);
  local lasted(share, word) = q.quantile_now(share, m.saas_session_duration_seconds, day) { legend: word };
  local logins(where={}) = { kind: 'login' } + where;
  local success = q.greatest(q.value(m.auth_login_success_ratio, day));
  // Packs state the observations of a window, so that their mean needs no rate.
  local mean_now(metric, where, by) =
    local number = q.observations(metric, where);
    q.divide(
      q.sum(number { expr: std.strReplace(super.expr, '_count', '_sum') }, by=by), q.above(q.sum(number, by=by), 0), unit=metric.unit
    ) { help: metric.help };
  local answered = m.http_server_request_duration_seconds;

  lib.board.page(
    title='Business metrics',
    description='Users, sessions, resources and files, sign-ins and speed: how the product is used, for those who look after it.',
    folder='Business',
    tags=['business', 'users'],
    time='now-7d',
    refresh='1m',
    variables=[lib.board.choice('source', 'Source', m.saas_users, first=lib.config.source)],
    down=['product', 'retention', 'admin', 'security', 'web-vitals', 'capacity'],
    rows=[
      [
        // Who is there?
        panel.strip('Users now', [
          q.greatest(m.saas_users) { legend: 'Registered', good: 'high' },
          q.greatest(q.value(m.saas_new_users, week)) { legend: 'New, 7 d', good: 'high' },
          q.greatest(m.saas_online_users) { legend: 'Online now', good: 'high' },
        ]) { width: 8 },
        panel.strip('Activity', [
          active('1d') { legend: 'Active, 24 h', good: 'high' },
          active('7d') { legend: 'Active, 7 d', good: 'high' },
          active('30d') { legend: 'Active, 30 d', good: 'high' },
        ]) { width: 8 },
        panel.strip('Sessions now', [
          q.greatest(q.value(m.saas_stickiness_ratio, day)) { legend: 'Daily/monthly', good: 'high' },
          sessions() { legend: 'Sessions, 24 h', good: 'high' },
          success { legend: 'Sign-ins ok', good: 'high' },
        ]) { width: 8 },
      ],

      section('Engagement'),
      [
        // Do more people use it?
        panel.series(
          'Active users',
          [active('1d') { legend: '24 hours' }, active('7d') { legend: '7 days' }, active('30d') { legend: '30 days' }],
          good='high',
          description='People with at least one session that began within the last 24 hours, 7 days and 30 days.',
        ),
        // Right now, as on the same day of last week?
        panel.week(
          'People online',
          function(q) q.greatest(m.saas_online_users),
          good='high',
          q=q,
          description='People with a session that goes on; dashed, the same a week earlier.',
        ),
        // Do new ones come?
        panel.week(
          'New users of a day',
          function(q) q.greatest(q.value(m.saas_new_users, day)),
          good='high',
          q=q,
          description='People registered in the 24 hours before; dashed, the same a week earlier.',
        ),
      ],

      section('Sessions'),
      [
        // On what do they come?
        panel.series('Sessions of a day by device', sessions(['device']), good='high', stacked=true),
        // Do they stay for a while?
        panel.series(
          'Length of sessions',
          [lasted(0.5, 'half at most'), lasted(0.9, 'nine in ten at most')],
          good='high',
          description='How long the sessions lasted that ended in the last 24 hours: at most this for half of them, and for nine in ten.',
        ),
        // Or leave at once?
        panel.series(
          'Sessions with one page at most',
          q.greatest(q.value(m.saas_session_bounce_ratio, day), by=['device']),
          good='low',
          max=1,
        ),
      ],

      section('Resources and files'),
      [
        // What do they do with what is there?
        panel.ranking(
          'Things done with resources',
          q.sum(q.increase(m.resource_actions_total), by=['resource_type', 'action']),
          by=['resource_type', 'action'],
          value='Done',
          good='high',
          description='Views, downloads, shares, searches, ratings and more, over the time shown, by type of resource.',
        ),
        // Is it read, to the end, and liked?
        panel.table('How resources are received', by='resource_type', of=[
          q.quantile_now(0.5, m.resource_view_seconds, week, by=['resource_type']) {
            legend: 'Viewed for, 7 d',
            help: 'Half of the views of 7 days lasted at most this long.',
            good: 'high',
          },
          q.quantile_now(0.5, m.resource_scroll_ratio, week, by=['resource_type']) {
            legend: 'Read down to, 7 d',
            help: 'Half of the views of 7 days came at most this far down the page.',
            good: 'high',
          },
          mean_now(m.resource_rating, month, ['resource_type']) {
            legend: 'Rating of 5, 30 d',
            help: 'Mean of the ratings given within 30 days, 1 to 5.',
            good: 'high',
            decimals: 2,
          },
          q.sum(q.observations(m.resource_rating, month), by=['resource_type']) {
            legend: 'Ratings, 30 d',
            help: 'Ratings that this mean is of.',
            good: 'neither',
          },
        ]),
      ],
      [
        // What is uploaded?
        panel.series(
          'Files per day',
          [
            q.sum(q.increase(m.file_uploads_total, over='1d')) { legend: 'uploaded' },
            q.sum(q.increase(m.file_deletions_total, over='1d')) { legend: 'deleted' },
          ],
          good='neither',
          description='Files that were uploaded, and files that were deleted, in the 24 hours before.',
        ),
        // What does it take?
        panel.series(
          'Storage by kind of file',
          q.sum(m.file_stored_bytes, by=['kind']),
          good='neither',
          stacked=true,
        ),
      ],

      section('Authentication'),
      [
        // Do people get in?
        panel.series(
          'Sign-ins per hour',
          q.sum(q.increase(m.auth_attempts_total, logins(), over='1h'), by=['outcome']),
          good='neither',
          description='Attempts to sign in, in the hour before, by outcome. Many that fail are an attack, or a fault of ours.',
          stacked=true,
          colours={ succeeded: 'ok', failed: 'bad' },
        ),
        panel.series('Sign-ins that succeed, 24 h', success { legend: 'succeeded' }, good='high', max=1),
      ],
      [
        // Why not?
        panel.bars(
          'Why sign-ins fail',
          q.sum(q.increase(m.auth_failures_total, logins()), by=['reason']),
          good='low',
          description='Failed attempts to sign in over the time shown, by reason.',
        ),
        // By which way, and who is kept out?
        panel.bars(
          'Ways to sign in',
          [
            q.sum(q.increase(m.auth_attempts_total, logins({ outcome: 'succeeded' })), by=['method']),
            q.sum(q.increase(m.auth_lockouts_total)) { legend: 'locked out' },
            q.sum(q.increase(m.auth_unusual_logins_total)) { legend: 'from a new place or device' },
          ],
          good='neither',
          description=|||
            Over the time shown: sign-ins that succeeded, by method; users who were locked out; sign-ins from a place or device
            that is new for the user.
          |||,
        ),
      ],

      section('Performance as users feel it'),
      [
        // How long do they wait?
        panel.series(
          'Answer times',
          [
            all.quantile(0.5, answered) { legend: 'half at most' },
            all.quantile(0.95, answered) { legend: '95 % at most' },
          ],
          good='low',
          description='How long the application took to answer: at most this for half of the requests, and for 95 % of them.',
        ),
        // For what?
        panel.ranking(
          'Slowest routes, p95',
          q.top(10, q.quantile_now(0.95, m.api_request_duration_seconds, day, by=['route'])),
          by=['route'],
          value='95 % at most',
          good='low',
          description='What 95 % of the answers of a route within 24 hours took at most, as the application recorded them; the ten slowest.',
        ),
        // Until they see the page?
        panel.bars(
          'Largest paint by page, p75',
          q.top(10, q.greatest(q.value(m.web_vital_seconds, { vital: 'lcp', percentile: '75', window: '1d' }), by=['page'])),
          good='low',
          description='Until the largest part of a page was painted, for three of four visits of 24 hours; the ten slowest pages.',
          limits=lib.limits.web_vital_lcp_seconds,
        ),
      ],
    ],
  )
