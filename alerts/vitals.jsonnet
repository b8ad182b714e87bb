// How quick the pages are for those who visit them, and in the laboratory.
function(lib)
  local alert = lib.rule.alert;
  local fresh = lib.rule.fresh;
  local m = lib.metrics;
  local q = lib.promql;
  local limits = lib.limits;
  local guard = (import 'lib/guard.libsonnet')(lib);
  local by = ['source', 'page', 'device', 'vital'];
  local page = {
    priority: 'P3',
    domain: 'web',
    service: 'website',
    dashboard: 'web-vitals',
    dashboard_labels: [],
  };
  local slow(window) =
    local seconds(vital) = q.above(
      q.greatest(q.value(m.web_vital_seconds, { vital: vital, window: window }), by=by),
      limits['web_vital_%s_seconds' % vital].warning
    );
    local score = q.greatest(q.value(m.web_vital_score, { vital: 'cls', window: window }), by=by);
    std.foldl(
      function(found, vital) q.otherwise(found, seconds(vital)),
      ['lcp', 'inp', 'fcp', 'tti', 'load'],
      q.above(score, limits.web_vital_cls_score.warning)
    );
  // Figures of a day only where it is known that many visits made them. Those of 28 days Google publishes of many visits alone.
  local many = guard.enough(
    q.sum(q.increase(m.web_vital_measurements_total, over='1d'), by=by), limits.web_vital_measurements.minimum
  );
  {
    limits: {
      // Google's bounds: up to `warning` good, above `critical` poor. https://web.dev/articles/defining-core-web-vitals-thresholds
      web_vital_lcp_seconds: { warning: 2.5, critical: 4 },
      web_vital_inp_seconds: { warning: 0.2, critical: 0.5 },
      web_vital_cls_score: { warning: 0.1, critical: 0.25 },
      // What the server does about it, the times above include: of this alone nobody is told.
      web_vital_ttfb_seconds: { warning: 0.8, critical: 1.8 },
      // Stricter than Google's, which are not about what people wait for.
      web_vital_fcp_seconds: { warning: 1.5, critical: 3 },
      web_vital_tti_seconds: { warning: 3, critical: 7.3 },
      web_vital_load_seconds: { warning: 2 },
      web_vital_measurements: { minimum: 100 },
      web_lighthouse_score_ratio: { warning: 0.9 },
    },
    interval: '1m',
    alerts: {
      WebVitalsPoor: alert(page {
        expr: fresh(q.otherwise(guard.when(slow('1d'), many, by=by), slow('28d'))),
        'for': '1h',
        keep_firing_for: '1h',
        summary: 'A page is not as quick or as steady as it should be for its visitors.',
        description: 'On {{ $labels.page }} ({{ $labels.device }}) the {{ $labels.vital }} of one visit in four is above '
                     + '{{ printf "%.2f" $value }}, which is not good.',
        impact: 'Visitors leave sooner, and search engines rank the page lower.',
        action: 'Compare with the starts of the application on the dashboard; load the page in Lighthouse, which names the causes.',
      }),
      LighthouseScoreLow: alert(page {
        local score = q.least(m.web_lighthouse_score_ratio, by=['source', 'page', 'device', 'category']),
        expr: fresh(q.below(score, limits.web_lighthouse_score_ratio.warning)),
        'for': '1h',
        summary: 'A page scores low in the laboratory.',
        description: '{{ $labels.page }} ({{ $labels.device }}) scores {{ $value | humanizePercentage }} for {{ $labels.category }}.',
        impact: 'The page is slow, or cannot be used by everybody, before any visitor complains.',
        action: "Open Lighthouse's report of the page; the audits with the largest gain come first.",
      }),
    },
  }
