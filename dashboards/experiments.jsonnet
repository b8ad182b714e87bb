// For those who try things out: which variant is better, is the trial sound, and does it harm anything?
function(lib)
  local m = lib.metrics;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;
  local q = lib.promql.within({ experiment: '=~$experiment', flag: '=~$flag' });

  local compared = ['experiment', 'variant', 'metric', 'measure'];
  local by_variant = ['experiment', 'variant', 'metric'];
  // Several sources may tell of one experiment, or of one flag.
  local figure(metric, by=compared) = q.greatest(metric, by=by);
  local running = q.above(figure(m.experiment_running, ['experiment']), 0);
  local breached = figure(m.experiment_guardrail_breached);
  // A row of a table is a variant, and what it is compared by.
  local row(of) = q.greatest(
    of { expr: 'label_join(%s, "effect", " ", "experiment", "variant", "metric", "measure")' % super.expr, labels: std.set(super.labels + ['effect']) },
    by=['effect']
  );
  // Of a guardrail no rise is hoped for: it has a table of its own.
  local goal(metric) = row(q.unless(figure(metric), breached, compared));
  local guardrail(metric) = row(q.when(figure(metric), breached, compared));

  lib.board.page(
    title='Experiments',
    description='Every experiment with its users, effect, interval and soundness; guardrails; feature flags and who meets them.',
    folder='Product',
    tags=['product', 'experiments'],
    time='now-7d',
    refresh='5m',
    variables=[
      lib.board.variable('experiment', 'Experiment', m.experiment_running),
      lib.board.variable('flag', 'Flag', m.feature_flag_enabled),
    ],
    down=['product', 'revenue'],
    rows=[
      [
        // What runs, is it sound, and does it harm?
        panel.strip('Experiments now', [
          q.sum(figure(m.experiment_running, ['experiment'])) { legend: 'Running', good: 'neither', decimals: 0 },
          q.or_zero(q.sum(q.when(figure(m.experiment_exposed_units, ['experiment', 'variant']), running, ['experiment']))) {
            legend: 'Users in them',
            help: 'Users who have met a variant, and no other, of the experiments that run.',
            good: 'neither',
            decimals: 0,
          },
          q.sum(q.greatest(m.feature_flag_enabled, by=['flag'])) {
            legend: 'Flags on',
            help: 'Flags that are on for anybody.',
            good: 'neither',
            decimals: 0,
          },
        ]),
        panel.strip('Soundness now', [
          q.sum(figure(m.experiment_crossover_units, ['experiment'])) { legend: 'Met two variants', good: 'low', decimals: 0 },
          q.least(m.experiment_sample_ratio_p_value) {
            legend: 'Evenness, p',
            help: 'The least likely division of users over the variants that an experiment has: below %g the assignment is broken.' % limits.sample_ratio_p_value.warning,
            good: 'high',
            limits: { critical: limits.sample_ratio_p_value.warning },
            decimals: 3,
          },
          q.sum(breached) {
            legend: 'Guardrails breached',
            help: 'Comparisons of a variant with the control in which a guardrail is clearly worse. One is a reason to stop.',
            good: 'low',
            limits: { critical: limits.guardrail_breached.warning },
            decimals: 0,
          },
        ], alerts=['ExperimentUneven', 'ExperimentHarms']),
      ],
      [
        // Which variant is better, and is that sure?
        panel.table('Effects by variant', by='effect', of=[
          goal(m.experiment_lift_ratio) {
            legend: 'Lift',
            help: 'The figure of the variant over that of the control, less 1. More is better only of what is hoped for: of complaints it is worse.',
            good: 'neither',
          },
          goal(m.experiment_lift_lower_ratio) {
            legend: 'At least',
            help: 'Lower end of the 95 % interval of the lift. While 0 lies between both ends there may be no effect at all.',
            good: 'neither',
          },
          goal(m.experiment_lift_upper_ratio) { legend: 'At most', help: 'Upper end of that interval.', good: 'neither' },
          goal(m.experiment_sequential_p_value) {
            legend: 'Always-valid p',
            help: 'How likely such a difference is without an effect, valid however often it is looked at. Below 0.05 it counts.',
            good: 'low',
            decimals: 3,
          },
          goal(m.experiment_p_value) {
            legend: 'p of one look',
            help: 'The same for a single look, at a size that was planned before. Not one to watch.',
            good: 'low',
            decimals: 3,
          },
        ]),
      ],
      [
        panel.series(
          'Effects that begin to show',
          q.below(figure(m.experiment_sequential_p_value), 0.5) { decimals: 3 },
          good='low',
          description='The always-valid p-value where it is below 0.5: most of the others lie at 1. Below 0.05 a difference counts.',
          max=0.5,
        ),
        panel.series(
          'Conversion by variant',
          figure(m.experiment_conversion_ratio, by_variant),
          good='high',
        ),
        panel.series('Users by variant', figure(m.experiment_exposed_units, ['experiment', 'variant']), good='neither'),
        panel.series(
          'Worth by variant',
          figure(m.experiment_mean_value, by_variant),
          good='high',
        ),
      ],
      section('Soundness'),
      [
        panel.series(
          'Evenness of the division, p',
          figure(m.experiment_sample_ratio_p_value, ['experiment']),
          good='high',
          alerts=['ExperimentUneven'],
          max=1,
        ),
        panel.table('Guardrails', by='effect', of=[
          row(breached) {
            legend: 'Breached',
            help: 'Whether the variant is clearly worse than the control in what must not suffer.',
            good: 'low',
            states: panel.no_or_yes,
          },
          guardrail(m.experiment_lift_ratio) {
            legend: 'Lift',
            help: 'The figure of the variant over that of the control, less 1. Which way is worse, the settings say.',
            good: 'neither',
          },
        ], alerts=['ExperimentHarms']),
        panel.ranking(
          'Converted users',
          figure(m.experiment_converted_units, by_variant),
          by=by_variant,
          value='Users',
          good='high',
        ),
      ],
      section('Feature flags'),
      [
        panel.ranking(
          'Rollout',
          q.greatest(m.feature_flag_rollout_ratio, by=['flag']),
          by=['flag'],
          value='Users',
          good='neither',
        ),
        panel.timeline(
          'Flags over time',
          q.greatest(m.feature_flag_enabled, by=['flag']),
          states={ '0': { text: 'Off', color: lib.colour.neutral, index: 0 }, '1': { text: 'On', color: lib.colour.accent, index: 1 } },
        ),
        panel.series(
          'Meetings with flags per minute',
          q.sum(q.per_minute(m.feature_flag_exposures_total), by=['flag', 'variant']),
          good='neither',
        ),
      ],
    ],
  )
