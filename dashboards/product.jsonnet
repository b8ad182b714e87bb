// For those who shape the product: do people use it, how far do they get, and what do they ask for?
function(lib)
  local m = lib.metrics;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;

  // Funnels and experiments are sources of their own; the rest is of the one chosen.
  local all = lib.promql;
  local q = all.within({ source: '=~$source' });

  local month = { window: '30d' };
  local active(window) = q.greatest(q.value(m.saas_active_users, { window: window }));
  // One funnel in one window: the steps of two would make one list.
  local chosen = { funnel: '=~$funnel', window: '=~$window' };
  local funnel(metric) = all.greatest(all.value(metric, chosen), by=['step', 'position']);
  local took(share) = all.greatest(all.value(m.saas_funnel_conversion_seconds, chosen { percentile: share }));
  local running = all.above(all.greatest(m.experiment_running, by=['experiment']), 0);
  local onboarding(state) = q.greatest(q.value(m.onboarding_outcome_ratio, month { state: state }));
  local shown(metric, label) = q.sum(q.increase(metric), by=[label]);
  local steps = q.greatest(q.value(m.onboarding_step_users, month { state: 'completed' }), by=['step', 'position']);

  lib.board.page(
    title='Product',
    description='Use of the product, of its features, ways through it, onboarding, experiments, and what users wish for.',
    folder='Product',
    tags=['product'],
    time='now-30d',
    refresh='5m',
    variables=[
      lib.board.choice('source', 'Source', m.saas_users, first=lib.config.source),
      lib.board.choice('funnel', 'Funnel', m.saas_funnel_conversion_ratio, first='sign-up'),
      lib.board.choice('window', 'Window of the funnel', m.saas_funnel_conversion_ratio, first='30d', where={ funnel: '=~$funnel' }),
    ],
    down=['experiments', 'retention', 'support', 'notifications'],
    rows=[
      [
        // Is the product used, and by more than before?
        panel.strip('Active users now', [
          active('1d') { legend: 'Active today', good: 'high', decimals: 0 },
          active('7d') { legend: 'Active in 7 d', good: 'high', decimals: 0 },
          active('30d') { legend: 'Active in 30 d', good: 'high', decimals: 0 },
          q.greatest(q.value(m.saas_stickiness_ratio, { window: '1d' })) { legend: 'Stickiness', good: 'high' },
        ]),
        panel.strip('Adoption now', [
          q.greatest(q.value(m.feature_mean_adoption_ratio, month { scope: 'core' })) {
            legend: 'Core features',
            good: 'high',
            limits: limits.core_feature_adoption_ratio,
          },
          q.greatest(q.value(m.feature_mean_adoption_ratio, month { scope: 'all' })) {
            legend: 'All features',
            good: 'high',
          },
          q.greatest(q.value(m.onboarding_activation_ratio, month)) { legend: 'Activated', good: 'high' },
        ], alerts=['FeatureAdoptionLow']),
      ],
      [
        panel.week(
          'Active users of the day',
          function(q) q.greatest(q.value(m.saas_active_users, { window: '1d' })) { legend: '' },
          good='high',
          q=q,
        ),
        panel.series(
          'New users of the day',
          q.greatest(q.value(m.saas_new_users, { window: '1d' })) { legend: 'new users' },
          good='high',
          alerts=['SignUpsStopped'],
        ),
        panel.series(
          'Sessions by device',
          q.sum(q.value(m.saas_sessions, { window: '1d' }), by=['device']),
          good='high',
          stacked=true,
        ),
      ],
      section('Features'),
      [
        panel.ranking(
          'Adoption by feature',
          q.greatest(q.value(m.feature_adoption_ratio, month), by=['feature', 'core']),
          by=['feature', 'core'],
          value='Adoption',
          good='high',
          alerts=['FeatureAdoptionLow'],
        ),
        panel.series(
          'Uses of features per day',
          q.top(8, q.sum(q.increase(m.feature_uses_total, over='1d'), by=['feature'])),
          good='high',
          description='Uses of the eight features used most, in the 24 hours before. Uses fall at weekends; one that falls alone is broken or hidden.',
        ),
      ],
      section('Ways through the product'),
      [
        panel.funnel(
          'People by step of the funnel',
          funnel(m.saas_funnel_step_users),
          description='People who took each step within the window of the funnel, after those before it. Where the bars shorten most, most are lost.',
          alerts=['FunnelConversionDropped'],
        ),
        panel.ranking(
          'Drop-off by step',
          funnel(m.saas_funnel_step_drop_off_ratio),
          by=['position', 'step'],
          value='Lost',
          good='low',
        ),
        panel.series(
          'Conversion of funnels',
          all.greatest(m.saas_funnel_conversion_ratio, by=['funnel', 'window']),
          good='high',
          alerts=['FunnelConversionDropped'],
        ),
        panel.strip('Time to the last step', [
          took('50') { legend: 'Half at most', good: 'low' },
          took('90') { legend: 'Nine of ten at most', good: 'low' },
        ]) { width: 4 },
      ],
      section('Onboarding'),
      [
        panel.funnel(
          'People who completed each step',
          steps,
          description='People who completed the step of the onboarding within 30 days, in the order of the steps. More is better.',
          alerts=['OnboardingAbandoned'],
        ),
        panel.series(
          'What becomes of those who begin',
          [
            onboarding('completed') { legend: 'completed' },
            onboarding('abandoned') { legend: 'abandoned' },
            onboarding('underway') { legend: 'underway' },
          ],
          good='neither',
          description='Shares of those who began the onboarding in the last 30 days: completed should rise, abandoned is lost work.',
          colours={ completed: 'ok', abandoned: 'bad', underway: 'neutral' },
          alerts=['OnboardingAbandoned'],
          max=1,
        ),
      ],
      [
        // Which step is given up, and which takes long?
        panel.table('Steps of the onboarding', by='step', of=[
          shown(m.onboarding_steps_started_total, 'step') { legend: 'Begun', help: 'Times that the step was begun, over the time shown.', good: 'high' },
          shown(m.onboarding_steps_completed_total, 'step') { legend: 'Completed', help: 'Times that it was completed.', good: 'high' },
          shown(m.onboarding_steps_abandoned_total, 'step') {
            legend: 'Given up',
            help: 'Times that it was given up, also where it was completed after all.',
            good: 'low',
          },
          q.greatest(q.value(m.onboarding_step_seconds, month { percentile: '50' }), by=['step']) {
            legend: 'Takes, 30 d',
            help: 'Half of those who completed it within 30 days needed at most so long.',
            good: 'low',
          },
        ], alerts=['OnboardingAbandoned']),
        // Do hints and reminders help?
        panel.table('Hints and reminders', by='kind', of=[
          shown(m.onboarding_prompts_shown_total, 'kind') { legend: 'Shown', help: 'Hints shown and reminders sent, over the time shown.', good: 'neither' },
          shown(m.onboarding_prompts_followed_total, 'kind') { legend: 'Followed', help: 'Hints and reminders that were followed.', good: 'high' },
          shown(m.onboarding_prompts_dismissed_total, 'kind') { legend: 'Waved away', help: 'Hints and reminders that were waved away.', good: 'low' },
          q.greatest(q.value(m.onboarding_prompt_followed_ratio, month), by=['kind']) { legend: 'Share followed, 30 d', good: 'high' },
        ]),
      ],
      section('Wishes and experiments'),
      [
        panel.ranking(
          'Open wishes by votes',
          q.sum(m.satisfaction_feature_requests_open_votes, by=['area']),
          by=['area'],
          value='Votes',
          good='neither',
        ),
        panel.series(
          'Wishes that came and were decided, per day',
          [
            q.sum(q.increase(m.satisfaction_feature_requests_created_total, over='1d')) { legend: 'came' },
            q.sum(q.increase(m.satisfaction_feature_requests_closed_total, over='1d')) { legend: 'decided' },
          ],
          good='neither',
          description='Wishes for the product of the day before each instant. Decided below came means that the list grows.',
        ),
        panel.ranking(
          'Experiments that run',
          all.when(all.greatest(m.experiment_exposed_units, by=['experiment', 'variant']), running, ['experiment']),
          by=['experiment', 'variant'],
          value='Users',
          good='neither',
        ),
      ],
      section('Content'),
      [
        panel.series(
          'What people do with resources per day',
          q.sum(q.increase(m.resource_actions_total, over='1d'), by=['action']),
          good='high',
          description='Views, downloads, shares, searches, ratings and more, in the 24 hours before, by action.',
        ),
        panel.series(
          'Time spent on a resource',
          [
            q.quantile_now(0.5, m.resource_view_seconds, { window: '7d' }) { legend: 'half of the views' },
            q.quantile_now(0.9, m.resource_view_seconds, { window: '7d' }) { legend: 'nine of ten' },
          ],
          good='high',
        ),
      ],
    ],
  )
