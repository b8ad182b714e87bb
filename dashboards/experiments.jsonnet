// For those who try things out: which variant is better, is the trial sound, and does it harm anything?
function(lib)
  local m = lib.metrics;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;
  local q = lib.promql.within({ experiment: '=~$experiment', flag: '=~$flag' });

  local compared = ['experiment', 'variant', 'metric', 'measure'];
  local by_variant = ['experiment', 'variant', 'metric'];
  local figure(metric, by=compared) = q.greatest(metric, by=by);
  local yes_or_no = {
    '0': { text: 'No', color: lib.colour.ok, index: 0 },
    '1': { text: 'Yes', color: lib.colour.bad, index: 1 },
  };

  lib.board.page(
    title='Experiments',
    description='Every experiment with its users, effect, interval and soundness; guardrails; feature flags and who meets them.',
    folder='Product',
    tags=['product', 'experiments'],
    time='now-30d',
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
          q.sum(m.experiment_running) { legend: 'Running', good: 'neither', decimals: 0 },
          q.sum(m.experiment_exposed_units) { legend: 'Users in them', good: 'neither', decimals: 0 },
          q.sum(m.experiment_crossover_units) { legend: 'Users of two variants', good: 'low', decimals: 0 },
          q.least(m.experiment_sample_ratio_p_value) {
            legend: 'Evenness, p',
            help: 'The least likely division of users over the variants that an experiment has: below 0.001 the assignment is broken.',
            good: 'high',
            limits: { critical: limits.sample_ratio_p_value.warning },
            decimals: 3,
          },
          q.greatest(m.experiment_guardrail_breached) {
            legend: 'Guardrail breached',
            good: 'low',
            states: panel.no_or_yes,
          },
          q.sum(m.feature_flag_enabled) { legend: 'Flags that are on', good: 'neither', decimals: 0 },
        ], alerts=['ExperimentUneven', 'ExperimentHarms']),
      ],
      [
        panel.ranking(
          'Effect: lift over the control',
          figure(m.experiment_lift_ratio),
          by=compared,
          value='Lift',
          good='high',
          description='The figure of the variant over that of the control, less 1. Believe it only where its p-value is small; see beside it.',
        ),
        panel.ranking(
          'Always-valid p-value',
          figure(m.experiment_sequential_p_value),
          by=compared,
          value='p',
          good='low',
          description='How likely such a difference is without an effect, valid however often it is looked at. Below 0.05 it counts.',
          least_first=true,
        ),
      ],
      [
        panel.series(
          'Lift with its interval',
          [
            figure(m.experiment_lift_ratio) { legend: '{{experiment}} {{variant}} {{metric}}' },
            figure(m.experiment_lift_lower_ratio) { legend: '{{experiment}} {{variant}} {{metric}} least', dashed: true },
            figure(m.experiment_lift_upper_ratio) { legend: '{{experiment}} {{variant}} {{metric}} most', dashed: true },
          ],
          good='high',
          description='Lift, and dashed the ends of its 95 % interval. While 0 lies between them there may be no effect at all.',
        ),
        panel.series(
          'Conversion by variant',
          figure(m.experiment_conversion_ratio, by_variant),
          good='high',
        ),
      ],
      [
        panel.series('p-values over time', [
          figure(m.experiment_sequential_p_value) { legend: '{{experiment}} {{variant}} {{metric}} always valid' },
          figure(m.experiment_p_value) { legend: '{{experiment}} {{variant}} {{metric}} of one look', dashed: true },
        ], good='low', description='The always-valid p-value never lies to who watches it; the dashed one holds for a single look, planned before.', max=1),
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
        panel.ranking(
          'Guardrails',
          figure(m.experiment_guardrail_breached),
          by=compared,
          value='Breached',
          good='low',
          states=yes_or_no,
          alerts=['ExperimentHarms'],
        ),
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
