// For those who administer the product: a summary, the funnels, the coaches and their clients, goals, groups, and what is up.
function(lib)
  local m = lib.metrics;
  local panel = lib.panel;
  local section = lib.board.section;

  // Funnels are told by sources of their own.
  local all = lib.promql;
  local q = all.within({ source: '=~$source' });

  local week = { window: '7d' }, month = { window: '30d' };
  local monthly(metric, by=[]) = q.greatest(q.value(metric, month), by=by);
  local daily(metric, word, by=[]) = q.sum(q.increase(metric, over='1d'), by=by) { legend: word };
  local of_coaches(share, word) = q.quantile_now(share, m.booking_coach_sessions, month) { legend: word, decimals: 0 };
  // Packs state the observations of a window, so that their mean needs no rate.
  local mean_now(metric, where, by) =
    local number = q.observations(metric, where);
    q.divide(
      q.sum(number { expr: std.strReplace(super.expr, '_count', '_sum') }, by=by), q.above(q.sum(number, by=by), 0), unit=metric.unit
    ) { help: metric.help };

  lib.board.page(
    title='Admin analytics',
    description='Summary, funnels, productivity of coaches, engagement of clients, goals, groups and meters, and what is up.',
    folder='Business',
    tags=['business', 'admin'],
    time='now-30d',
    refresh='5m',
    variables=[lib.board.choice('source', 'Source', m.saas_users, first=lib.config.source)],
    down=['business', 'product', 'support', 'slos', 'privacy'],
    rows=[
      [
        // How are we doing, in one line?
        panel.strip('People, 30 d', [
          q.greatest(m.saas_users) { legend: 'Users', good: 'high' },
          monthly(m.saas_active_users) { legend: 'Active, 30 d', good: 'high' },
          monthly(m.booking_coaches) { legend: 'Coaches, 30 d', good: 'high' },
          monthly(m.booking_clients) { legend: 'Clients, 30 d', good: 'high' },
        ]),
        panel.strip('Work, now', [
          mean_now(m.booking_rating, month, []) {
            legend: 'Rating of 5',
            help: "Mean of the clients' ratings of their appointments, 1 to 5.",
            good: 'high',
            decimals: 2,
          },
          q.sum(m.goal_open) { legend: 'Open goals', good: 'neither' },
          q.greatest(m.group_open) { legend: 'Groups', good: 'high' },
          q.sum(q.value(m.meter_readings_overdue, month)) {
            legend: 'Late readings',
            help: 'Meter readings that fell due within 30 days and have not come, or were refused.',
            good: 'low',
          },
        ]),
      ],

      section('Funnels'),
      [
        // Do people get to the end?
        panel.ranking(
          'Conversion of funnels, 30 d',
          all.greatest(all.value(m.saas_funnel_conversion_ratio, month), by=['source', 'funnel']),
          by=['funnel', 'source'],
          value='Conversion',
          good='high',
        ),
        // Where do they leave?
        panel.ranking(
          'Where people leave, 30 d',
          all.greatest(all.value(m.saas_funnel_step_drop_off_ratio, month), by=['source', 'funnel', 'position', 'step']),
          by=['funnel', 'position', 'step', 'source'],
          value='Drop-off',
          good='low',
        ),
        // Do those who registered get started?
        panel.funnel(
          'Onboarding, 30 d',
          q.sum(q.value(m.onboarding_step_users, month { state: 'completed' }), by=['position', 'step']),
          description='People who completed each step of onboarding within 30 days, in the order of the steps.',
        ),
      ],

      section('Coaches'),
      [
        // How much do coaches do?
        panel.bars(
          'Appointments of a coach, 30 d',
          [of_coaches(0.1, 'one in ten at most'), of_coaches(0.5, 'half at most'), of_coaches(0.9, 'nine in ten at most')],
          good='high',
          description='Appointments that a coach had within 30 days: at most this for one in ten coaches, for half, for nine in ten.',
        ),
        panel.series(
          'The coach in the middle, 30 d',
          monthly(m.booking_coach_session_time_median_seconds) { legend: 'time in appointments' },
          good='high',
          description='Time in appointments within 30 days; half of the coaches had as much or less.',
        ),
      ],
      [
        // Do appointments take place?
        panel.table('Appointments by kind, 30 d', by='kind', of=[
          monthly(m.booking_completion_ratio, ['kind']) { legend: 'Took place', good: 'high' },
          monthly(m.booking_cancellation_ratio, ['kind']) { legend: 'Called off', good: 'low' },
          mean_now(m.booking_rating, month, ['kind']) {
            legend: 'Rating of 5',
            help: "Mean of the clients' ratings, 1 to 5.",
            good: 'high',
            decimals: 2,
          },
          q.sum(q.value(m.booking_open, { state: 'upcoming' }), by=['kind']) {
            legend: 'Upcoming',
            help: 'Appointments that have not begun yet.',
            good: 'neither',
          },
          q.sum(q.value(m.booking_open, { state: 'unfinished' }), by=['kind']) {
            legend: 'Unfinished',
            help: 'Appointments that have begun by their time: under way, or never closed.',
            good: 'low',
          },
        ]),
        panel.series(
          'Appointments per day',
          [
            daily(m.booking_booked_total, 'booked'),
            daily(m.booking_completed_total, 'completed'),
            daily(m.booking_cancelled_total, 'cancelled'),
          ],
          good='neither',
          description='Appointments that were made, that took place and that were called off, in the 24 hours before.',
        ),
      ],

      section('Clients, tasks and goals'),
      [
        // Do clients come back?
        panel.series(
          'Clients who come back, 30 d',
          monthly(m.booking_returning_clients_ratio) { legend: 'came back' },
          good='high',
          max=1,
        ),
        panel.bars(
          'Appointments of a client, 30 d',
          [
            mean_now(m.booking_client_sessions, month, []) { legend: 'mean', decimals: 1 },
            q.quantile_now(0.9, m.booking_client_sessions, month) { legend: 'nine in ten at most', decimals: 1 },
          ],
          good='high',
          description='Appointments of a client that had any within 30 days: the mean, and what nine in ten clients had at most.',
        ),
      ],
      [
        // Do they do what they set out to?
        panel.series(
          'Tasks that are not done',
          q.sum(m.task_open, by=['state']),
          good='low',
          stacked=true,
          colours={ overdue: 'bad', pending: 'neutral' },
        ),
        panel.strip('Tasks', [
          q.greatest(q.value(m.task_in_time_ratio, month)) { legend: 'Done in time, 30 d', good: 'high' },
          q.quantile_now(0.5, m.task_completion_seconds, week) {
            legend: 'Half done within, 7 d',
            help: 'Half of the tasks done within 7 days took at most this long.',
            good: 'low',
          },
        ]) { height: 8 },
      ],
      [
        // Do they reach their goals, and how soon?
        panel.table('Goals by kind', by='kind', of=[
          monthly(m.goal_success_ratio, ['kind']) { legend: 'Reached, 30 d', good: 'high' },
          q.quantile_now(0.5, m.goal_completion_seconds, week, by=['kind']) {
            legend: 'Half within, 7 d',
            help: 'Half of the goals reached within 7 days took at most this long.',
            good: 'low',
          },
          q.sum(m.goal_open, by=['kind']) { legend: 'Open', good: 'neither' },
        ]),
        panel.series(
          'Goals per day',
          [daily(m.goal_created_total, 'set'), daily(m.goal_completed_total, 'reached'), daily(m.goal_abandoned_total, 'given up')],
          good='neither',
          description='Goals that were set, reached and given up, in the 24 hours before.',
        ),
      ],

      section('Groups and meters'),
      [
        // Do groups live?
        panel.series(
          'Participation in groups, 30 d',
          [
            monthly(m.group_participation_ratio) { legend: 'members who take part' },
            monthly(m.group_active_ratio) { legend: 'groups where something happened' },
            q.greatest(m.group_membership_ratio) { legend: 'users in a group', dashed: true },
          ],
          good='high',
          description=|||
            Of the memberships, the share that did something in their group within 30 days; of the groups, the share in which
            anything was done; of the registered users, the share who are in a group.
          |||,
          max=1,
        ),
        // Does what they try work?
        panel.ranking(
          'Operations of groups',
          q.sum(q.increase(m.group_operations_total), by=['operation', 'outcome']),
          by=['operation', 'outcome'],
          value='Tried',
          good='high',
          description='Things that users tried to do in groups over the time shown, by whether they succeeded.',
        ),
        // Do more come than go?
        panel.series(
          'Came into groups and left, per day',
          [
            q.sum(q.increase(m.group_joins_total, over='1d')) { legend: 'came in' },
            q.sum(q.increase(m.group_leaves_total, over='1d')) { legend: 'left' },
          ],
          good='neither',
          description='Times that somebody came into a group, and left one, in the 24 hours before. The gap is the growth.',
        ),
      ],
      [
        // Do meter readings come, and in time?
        panel.table('Meter readings, 30 d', by='kind', of=[
          monthly(m.meter_reading_compliance_ratio, ['kind']) { legend: 'In time', good: 'high' },
          monthly(m.meter_reading_completion_ratio, ['kind']) { legend: 'Came at all', good: 'high' },
          q.greatest(q.value(m.meter_readings_overdue, month), by=['kind']) {
            legend: 'Overdue',
            help: 'Readings that fell due within 30 days and have not come, or were refused.',
            good: 'low',
          },
          q.quantile_now(0.5, m.meter_reading_delay_seconds, week, by=['kind']) {
            legend: 'Half of the late within, 7 d',
            help: 'Half of the readings that came late within 7 days came at most so long after they were due.',
            good: 'low',
          },
        ]),
        panel.series(
          'Compliance with meter readings, 30 d',
          [
            monthly(m.meter_reading_compliance_ratio, ['kind']),
            monthly(m.meter_complying_groups_ratio) { legend: 'groups without any late', dashed: true },
          ],
          good='high',
          description='Of the readings that fell due, the share that came in time, by kind; of the groups, those of which all did.',
          max=1,
        ),
      ],

      section('Is it up?'),
      [
        // Can people use what they pay for?
        panel.bars(
          'Uptime of services',
          [
            all.mean(all.average(m.probe_success, unit='ratio'), by=['instance']) { decimals: 2 },
            q.greatest(q.value(m.auth_login_success_ratio, { window: '1d' })) { legend: 'sign-ins, 24 h' },
            q.least(q.value(m.payment_success_ratio, { window: '1d' })) { legend: 'payments by the worst provider, 24 h' },
            q.greatest(q.value(m.realtime_success_ratio, { window: '1d' })) { legend: 'realtime connections, 24 h' },
            q.least(q.value(m.notification_delivery_ratio, { window: '1d' })) { legend: 'notifications by the worst channel, 24 h' },
          ],
          good='high',
          description=|||
            Share of the probes of each website that succeeded over the time shown; and of sign-ins, payments, realtime
            connections and notifications of 24 hours, the share that worked; of providers and channels, the worst.
          |||,
          alerts=['WebsiteDown'],
          max=1,
        ),
      ],
    ],
  )
