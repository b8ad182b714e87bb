// Objectives over days and months: what is left of the errors that they allow. Every five minutes is often enough, and a month
// of figures that come every five minutes is quick to add up.
function(lib)
  local q = lib.promql;
  local r = lib.records;
  local slo = (import 'lib/slo.libsonnet')(lib);
  local objectives = (import 'slo.jsonnet')(lib).objectives;
  local limit = lib.limits.error_budget_burn;
  local costly = [name for name in std.objectFields(objectives) if objectives[name].money != null];
  local objective = {
    domain: 'slo',
    service: '{{ $labels.slo }}',
    dashboard: 'slos',
    dashboard_labels: ['slo'],
  };
  local record(fields) = lib.rule.record({ labels: ['slo'] } + fields);
  // With the month that they are of, so that those of a calendar month can be told from those before.
  local of_month(metric) = '%s\n* on () group_left (month) count_values("month", month())' % metric.name;
  local words = { '2h': 'two hours', '1d': 'a day', '3d': 'three days' };
  {
    interval: '5m',

    limits: {
      // Share of the budget of thirty days.
      error_budget_left: { warning: 0 },
    },

    records: {
      'slo:total:events5m': record({
        expr: of_month(r['slo:total:increase5m']),
        help: 'Events of five minutes, one figure every five minutes, so that they add up; by month of the year (UTC).',
        unit: '',
        labels: ['slo', 'month'],
      }),
      'slo:errors:events5m': record({
        expr: of_month(r['slo:errors:increase5m']),
        help: 'Errors of five minutes, one figure every five minutes, so that they add up; by month of the year (UTC).',
        unit: '',
        labels: ['slo', 'month'],
      }),
    } + {
      ['slo:error_ratio:rate' + window]: record({
        expr: slo.long_ratio(window),
        help: 'Share of errors among the events of an objective, over %s.' % words[window],
        unit: 'ratio',
      })
      for window in std.objectFields(words)
    } + {
      'slo:budget_left:ratio30d': record({
        expr: '1 - %s' % slo.spent,
        help: 'What is left of the errors that an objective allows in thirty days, as a share; below 0 there were more.',
        unit: 'ratio',
      }),
      'slo:budget_left:ratio_month': record({
        expr: '1 - %s' % slo.spent_of_month,
        help: |||
          What is left of the errors that an objective allows in this calendar month (UTC), as a share, if it comes to have as
          many events as the last thirty days.
        |||,
        unit: 'ratio',
      }),
      'slo:budget_left:seconds30d': record({
        expr: '%d * %s * (1 - %s)' % [slo.month_seconds, slo.allowed, slo.spent],
        help: 'For how long everything may still fail, at ordinary load, until the errors of thirty days are more than allowed.',
        unit: 'seconds',
      }),
      'slo:budget_left:requests30d': record({
        expr: '%s * %s\n- %s' % [slo.allowed, slo.long(r['slo:total:events5m'], '30d'), slo.long(r['slo:errors:events5m'], '30d')],
        help: 'How many more events may fail until the errors of thirty days are more than allowed.',
        unit: '',
      }),
    } + (
      if costly == [] then {} else {
        'slo:lost_money:increase5m': lib.rule.record({
          rules: [{ expr: slo.money(objectives[name]), sets: { slo: name } } for name in costly],
          help: 'What the errors of five minutes cost, in major units; some of it may come later, when it is tried again.',
          unit: 'currency',
          labels: ['slo', 'currency'],
        }),
        'slo:lost_money:30d': lib.rule.record({
          expr: 'sum by (slo, currency) (sum_over_time(%s[30d]))' % r['slo:lost_money:increase5m'].name,
          help: 'What the errors of thirty days cost, in major units; some of it may have come later, when it was tried again.',
          unit: 'currency',
          labels: ['slo', 'currency'],
        }),
      }
    ),

    alerts: {
      // A tenth of thirty days' budget in a day, or in three.
      ErrorBudgetBurnsSlowly: lib.rule.alert(objective {
        priority: 'P2',
        labels: { symptom: 'error_budget' },
        expr: '(\n%s)\nor\n(\n%s)' % [
          slo.burning('1d', '2h', limit.warning),
          slo.burning('3d', '6h', limit.slow),
        ],
        keep_firing_for: '15m',
        summary: 'Errors go on that an objective cannot bear for a month.',
        description: '{{ $labels.slo }}: for a day or more, errors come {{ $value | printf "%.1f" }} times as fast as its objective allows.',
        impact: 'Few notice at a time; over the month more will than the company has promised.',
        action: 'Find the errors that go on, by route and release, and plan their repair today.',
      }),
      ErrorBudgetSpent: lib.rule.alert(objective {
        priority: 'P2',
        expr: '%s <= %g\nand on (slo) %s >= %g' % [
          r['slo:budget_left:ratio30d'].name,
          lib.limits.error_budget_left.warning,
          slo.long(r['slo:errors:events5m'], '30d'),
          limit.minimum_errors,
        ],
        'for': '15m',
        summary: 'More has failed in thirty days than an objective allows.',
        description: '{{ $labels.slo }} has {{ $value | humanizePercentage }} of its error budget of thirty days left.',
        impact: 'The promise of the objective is broken for this month.',
        action: 'Put what risks more errors off: releases wait until the causes are mended.',
      }),
      // Where events are so few that no window has enough of them, errors that come back day after day are still errors.
      ErrorsTrickle: lib.rule.alert(objective {
        priority: 'P2',
        expr: |||
          %(day)s / %(allowed)s > 1
          and on (slo) sum by (slo) (sum_over_time(%(errors)s[12h])) > 0
          and on (slo) sum by (slo) (sum_over_time(%(errors)s[12h] offset 12h)) > 0
          unless on (slo) %(enough)s
        ||| % {
          day: r['slo:error_ratio:rate1d'].name,
          allowed: slo.allowed,
          errors: r['slo:errors:events5m'].name,
          enough: slo.enough('1d'),
        },
        summary: 'A rarely used part fails again and again.',
        description: '{{ $labels.slo }}: in the last 24 hours errors came {{ $value | printf "%.1f" }} times as fast as allowed, of few events.',
        impact: 'Few use it, and of them a large share meets the error.',
        action: 'Look at each of the errors by itself; they are few.',
      }),
    },
  }
