// For those who build the front end: how fast do pages feel to visitors, which are slow, and what does the laboratory say?
function(lib)
  local m = lib.metrics;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;
  local q = lib.promql.within({ source: '=~$vitals', page: '=~$page', device: '=~$device' });
  local laboratory = lib.promql.within({ page: '=~$page' });

  // Up to where a vital is good, and from where it is poor: https://web.dev/articles/vitals, stricter for what is not a Core Web Vital.
  local bounds = {
    lcp: limits.web_vital_lcp_seconds,
    inp: limits.web_vital_inp_seconds,
    cls: limits.web_vital_cls_score,
    fcp: limits.web_vital_fcp_seconds,
    ttfb: limits.web_vital_ttfb_seconds,
    tti: limits.web_vital_tti_seconds,
    load: limits.web_vital_load_seconds,
  };
  local seconds(vital, by=[]) = q.greatest(q.value(m.web_vital_seconds, { vital: vital, percentile: '75' }), by=by);
  local shift(by=[]) = q.greatest(q.value(m.web_vital_score, { vital: 'cls', percentile: '75' }), by=by);
  local figure(vital, name) = seconds(vital) {
    legend: name,
    help: 'The greatest p75 of %s that a page has: three of four visits were as fast.' % name,
    good: 'low',
    limits: bounds[vital],
  };
  local lines(title, vital) =
    panel.series(
      title,
      seconds(vital, ['page']),
      good='low',
      description='What three of four measurements were at most, by page, of the device where that is most. Choose a device to see it alone.',
      limits=bounds[vital],
      alerts=['WebVitalsPoor'],
    );
  // Of all measurements of a day, so that a page counts as much as it is visited. Who tells shares alone has their mean.
  local share(vital) =
    local day = q.increase(m.web_vital_measurements_total, { vital: vital }, over='1d');
    local each = q.greatest(q.value(m.web_vital_rating_ratio, { vital: vital }), by=['page', 'device', 'rating']);
    local told = q.mean(each, by=['rating']);
    q.otherwise(q.divide(q.sum(day, by=['rating']), q.above(q.sum(day), 0)), q.unless(told, q.sum(day), []))
    { help: told.help, reads:: told.reads };
  local ratings(title, vital) = panel.series(
    title,
    share(vital),
    good='neither',
    description=|||
      Share of the measurements of the 24 hours before, on the pages and devices chosen together, that are rated good, to be
      improved or poor. Of a source that counts none it is the mean of pages and devices. Good should be above three quarters.
    |||,
    stacked=true,
    colours={ good: 'ok', needs_improvement: 'warn', poor: 'bad' },
    max=1,
  );

  lib.board.page(
    title='Web vitals',
    description='Core Web Vitals as visitors met them and as the laboratory measures them, by page and device, against their targets.',
    folder='Technical',
    tags=['technical', 'web'],
    time='now-7d',
    refresh='5m',
    variables=[
      lib.board.choice('source', 'Vitals measured by', m.web_vital_seconds, first=lib.config.source, name='vitals'),
      lib.board.variable('page', 'Page', m.web_vital_seconds, { source: '=~$vitals' }),
      lib.board.variable('device', 'Device', m.web_vital_seconds, { source: '=~$vitals' }),
    ],
    down=['traffic', 'errors', 'operations'],
    rows=[
      [
        // Is the site fast enough for three of four visitors?
        panel.strip('Core Web Vitals of the slowest page, p75', [
          figure('lcp', 'LCP'),
          figure('inp', 'INP'),
          shift() {
            legend: 'CLS',
            help: 'The greatest p75 of the layout shift that a page has.',
            good: 'low',
            limits: bounds.cls,
            decimals: 2,
          },
        ], alerts=['WebVitalsPoor']) { width: 10 },
        panel.strip('Further times of the slowest page, p75', [
          figure('fcp', 'FCP'),
          figure('ttfb', 'TTFB'),
          figure('tti', 'TTI'),
          figure('load', 'Load'),
        ]) { width: 14 },
      ],
      [lines('LCP: when the largest part is there', 'lcp'), lines('INP: how soon input is answered', 'inp'), panel.series(
        'CLS: how far the layout shifts',
        shift(['page']),
        good='low',
        limits=bounds.cls,
        alerts=['WebVitalsPoor'],
      )],
      [ratings('LCP by rating', 'lcp'), ratings('INP by rating', 'inp'), ratings('CLS by rating', 'cls')],
      [lines('FCP: when the first part is there', 'fcp'), lines('TTFB: when the server begins to answer', 'ttfb'), lines('TTI: when a page can be used', 'tti'), lines('Load: when all is there', 'load')],
      section('Laboratory'),
      [
        panel.ranking(
          'Lighthouse scores',
          laboratory.least(m.web_lighthouse_score_ratio, by=['page', 'category', 'device']),
          by=['page', 'category', 'device'],
          value='Score',
          good='high',
          limits=limits.web_lighthouse_score_ratio,
          alerts=['LighthouseScoreLow'],
          least_first=true,
        ),
        panel.series(
          'Performance and accessibility over time',
          laboratory.least(laboratory.value(m.web_lighthouse_score_ratio, { category: '=~performance|accessibility' }), by=['page', 'category']),
          good='high',
          alerts=['LighthouseScoreLow'],
          max=1,
        ),
        panel.ranking(
          'Audits',
          laboratory.greatest(m.web_lighthouse_seconds, by=['page', 'audit', 'device']),
          by=['page', 'audit', 'device'],
          value='Time',
          good='low',
        ),
      ],
      [
        panel.ranking(
          'Layout shift in the laboratory',
          laboratory.greatest(m.web_lighthouse_layout_shift, by=['page', 'device']),
          by=['page', 'device'],
          value='CLS',
          good='low',
          limits=bounds.cls,
        ),
        panel.ranking(
          'Last run',
          laboratory.greatest(laboratory.age(m.web_lighthouse_last_run_timestamp_seconds), by=['page', 'device']),
          by=['page', 'device'],
          value='Ago',
          good='low',
        ),
        panel.series(
          'Measurements per minute by rating',
          q.sum(q.per_minute(m.web_vital_measurements_total), by=['rating']),
          good='neither',
          stacked=true,
          colours={ good: 'ok', needs_improvement: 'warn', poor: 'bad' },
        ),
      ],
    ],
  )
