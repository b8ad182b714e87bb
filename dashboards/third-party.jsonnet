// For those on watch: is somebody else's service down, do we still get answers from it, and is anybody there to be called?
function(lib)
  local m = lib.metrics;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;
  local colour = import 'lib/colour.libsonnet';

  local all = lib.promql;
  // Of the vendors chosen; APIs that are asked and the on-call service have names of their own, and are shown whole.
  local q = all.within({ source: '=~$vendor' });
  local source = ['source'];

  // What a page says, as one number: the place of the word in the table of words.
  local says = {
    none: { text: 'No trouble', color: colour.ok },
    minor: { text: 'Minor trouble', color: colour.warn },
    major: { text: 'Major outage', color: colour.bad },
    critical: { text: 'Critical outage', color: colour.bad },
    maintenance: { text: 'Maintenance', color: colour.accent },
    unknown: { text: 'Not understood', color: colour.neutral },
  };
  local order = ['none', 'minor', 'major', 'critical', 'maintenance', 'unknown'];
  local words = { ['%d' % i]: says[order[i]] { index: i } for i in std.range(0, std.length(order) - 1) };
  local said(indicator, number) = q.times(q.value(m.service_status_page_state, { indicator: indicator }), number);
  local status = q.sum(
    std.foldl(
      function(sum, i) q.otherwise(sum, said(order[i], i)), std.range(1, std.length(order) - 1), said(order[0], 0)
    ),
    by=source
  ) { help: 'What the page says of the service as a whole.' };
  local troubled(indicators) = q.or_zero(q.sum(q.value(m.service_status_page_state, { indicator: '=~' + indicators })));

  // Whether the last run of a collector succeeded, for the rows of a table in which sources have figures: a source is named after
  // its collector. Added to nothing, since that leaves the labels of the sources.
  local read(rows) = rows {
    local up = all.least(m.bellwether_collector_up, by=['collector']),
    expr: '0 * (%s) + on (source) label_replace(%s, "source", "${1}", "collector", "(.*)")' % [super.expr, up.expr],
    unit: up.unit,
    reads:: super.reads + up.reads,
    good: 'high',
  };

  local requests(where={}, by=source) = all.sum(all.rate(m.bellwether_api_requests_total, where), by=by);
  // What an API refused or did not answer, of what it was asked. A page that did not change since (304) is an answer.
  local failing(by=source) = all.divide(
    all.otherwise(requests({ code: '!~2..|3..' }, by), all.times(requests(by=by), 0)), all.above(requests(by=by), 0)
  ) { help: 'Requests that were refused or not answered / all requests to the API.' };
  local recent(metric, where, by, over='1h') = all.sum(all.increase(metric, where, over=over), by=by);
  local incidents(where={}) = all.sum(all.value(m.oncall_incidents, where));

  lib.board.page(
    title='Third-party services',
    description='What vendors say of themselves, how their APIs answer Bellwether, and who is on call. Trouble first.',
    folder='Operations',
    tags=['operations', 'third-party'],
    time='now-24h',
    refresh='1m',
    variables=[lib.board.variable('source', 'Status page', m.service_status_page_state, name='vendor')],
    down=['operations', 'exporter', 'alerts', 'revenue'],
    rows=[
      [
        // Is it us, or them?
        panel.strip('Vendors now', [
          troubled('major|critical') {
            legend: 'Down',
            help: 'Vendors whose status page tells of a major or critical outage.',
            good: 'low',
            limits: { critical: 1 },
          },
          troubled('minor') {
            legend: 'In trouble',
            help: 'Vendors whose status page tells of minor trouble.',
            good: 'low',
            limits: { warning: 1 },
          },
          q.or_zero(q.sum(q.value(m.service_status_maintenances, { state: '=~in_progress|verifying' }))) {
            legend: 'Maintained',
            help: 'Maintenances of vendors that go on now.',
            good: 'low',
          },
        ], alerts=['VendorDown']),
        panel.strip('APIs and on call now', [
          failing([]) { legend: 'Requests fail', good: 'low' },
          all.or_zero(recent(m.bellwether_collector_failures_total, { reason: 'denied' }, [])) {
            legend: 'Denied, 1 h',
            help: 'Runs of collectors within an hour that failed since credentials were refused.',
            decimals: 0,
            good: 'low',
            limits: { warning: 1 },
          },
          all.or_zero(incidents()) {
            legend: 'Incidents',
            help: 'Incidents of the on-call service that are not resolved.',
            good: 'low',
          },
          all.or_zero(all.count(all.below(m.oncall_schedule_covered, 1))) {
            legend: 'No one there',
            help: 'Schedules by which nobody is on call now.',
            good: 'low',
            limits: { critical: 1 },
          },
        ], alerts=['VendorCredentialsRefused']),
      ],
      [
        // Who, and since when?
        panel.timeline(
          'What vendors say of themselves',
          status,
          words,
          good='neither',
          description='What the public status page of each vendor said over time. Green is good; a gap is a page that was not read.',
          alerts=['VendorDown', 'VendorMaintenance'],
        ),
        panel.table('Vendors at a glance', by='source', of=[
          status { legend: 'Says', good: 'low', states: words },
          q.sum(q.value(m.service_status_components, { status: '!~operational|under_maintenance' }), by=source) {
            legend: 'Troubled',
            help: 'Components of the page that are neither operational nor in maintenance.',
            good: 'low',
            limits: { warning: 1 },
          },
          q.sum(q.value(m.service_status_components), by=source) { legend: 'Parts', help: 'Components of the page.', good: 'neither' },
          q.sum(m.service_status_incidents, by=source) {
            legend: 'Incidents',
            help: 'Incidents on the page that are not over.',
            good: 'low',
            limits: { warning: 1 },
          },
          q.greatest(q.age(m.service_status_updated_timestamp_seconds), by=source) {
            legend: 'Changed',
            help: 'How long ago the page was last changed.',
            good: 'neither',
          },
          read(q.sum(m.service_status_page_state, by=source)) {
            legend: 'Read',
            help: 'Whether the page could be read the last time.',
            good: 'high',
            states: panel.yes_or_no,
          },
        ], alerts=['VendorDown']),
      ],

      section('Status pages'),
      [
        // Which part of it?
        panel.ranking(
          'Parts in trouble',
          q.or_zero(q.above(q.value(m.service_status_component_state, { status: '!=operational' }), 0)),
          by=['source', 'component', 'status'],
          value='In trouble',
          good='low',
          description='Components of status pages that are not operational, with what their page says of them.',
          states=panel.no_or_yes,
          alerts=['VendorDown'],
        ),
        // How bad, and is it over?
        panel.series(
          'Incidents of vendors',
          q.sum(m.service_status_incidents, by=['source', 'impact']),
          good='low',
          description='Incidents on status pages that are not over, by impact.',
          stacked=true,
          colours={ none: 'neutral', minor: 'warn', major: 'bad', critical: 'bad' },
        ),
        // What is planned?
        panel.series(
          'Maintenances of vendors',
          q.sum(m.service_status_maintenances, by=['source', 'state']),
          good='neither',
          description='Maintenances on status pages that are not over, by how far they are.',
          stacked=true,
          alerts=['VendorMaintenance'],
        ),
      ],

      section('APIs that are asked'),
      [
        // Which API does not answer us?
        panel.table('APIs at a glance', by='source', of=[
          read(requests()) {
            legend: 'Answers',
            help: 'Whether the last run of the collector that asks it succeeded.',
            good: 'high',
            states: panel.up_or_down,
          },
          all.times(requests(), 60, unit='/minute') { legend: 'Per minute', decimals: 1, good: 'neither' },
          failing() { legend: 'Fail', good: 'low' },
          all.otherwise(
            recent(m.bellwether_api_requests_total, { code: '=~429|throttled' }, source), all.times(requests(), 0, unit='')
          ) {
            legend: 'Throttled, 1 h',
            help: 'Requests within an hour that the API refused since there were too many.',
            decimals: 0,
            good: 'low',
            limits: { warning: 1 },
          },
          lib.promql.lately(all.mean_of(m.bellwether_api_request_duration_seconds, by=source)) { legend: 'Mean time', good: 'low' },
          all.least(m.bellwether_api_quota_left, by=source) {
            legend: 'Quota left',
            decimals: 0,
            good: 'high',
            limits: limits.api_quota_left,
          },
        ], alerts=['VendorCredentialsRefused', 'VendorQuotaLow']),
        // Whose figures are old?
        panel.ranking(
          'Age of figures',
          all.greatest(all.age(m.bellwether_collector_last_success_timestamp_seconds), by=['collector']),
          by=['collector'],
          value='Age',
          good='low',
          description='Time since each collector last succeeded, the oldest first. It should be no more than the interval at which it asks.',
        ),
      ],
      [
        // What do we ask?
        panel.series(
          'Requests to APIs per minute',
          all.times(requests(), 60, unit='/minute'),
          good='neither',
          description='Requests to each API per minute.',
          stacked=true,
        ),
        // Do they refuse us?
        panel.series('API requests that fail', all.or_zero(all.above(failing(), 0)), good='low', max=1),
        // Are they slow?
        panel.series(
          'Time to answer',
          all.top(6, lib.promql.lately(all.mean_of(m.bellwether_api_request_duration_seconds, by=source))),
          good='low',
          description='Mean time that requests to an API took within a quarter of an hour, of the slowest.',
        ),
      ],
      [
        // Why do collectors fail: their service, our credentials, our limits?
        panel.series(
          'Failed runs of collectors, 1 h',
          all.or_zero(all.above(recent(m.bellwether_collector_failures_total, {}, ['collector', 'reason']), 0)),
          good='low',
          description=|||
            Runs within an hour that failed, by collector and reason. Unreachable and timeout point at the service or the way to
            it, denied at our credentials, throttled at how often we ask.
          |||,
          alerts=['VendorCredentialsRefused'],
        ),
        // How many requests may we still make?
        panel.bars(
          'Quota left',
          all.least(m.bellwether_api_quota_left, by=source),
          good='high',
          description='Requests that each API still allows, as it last said. Nothing for those that do not say.',
          limits=limits.api_quota_left,
          alerts=['VendorQuotaLow'],
        ),
        // By what answers?
        panel.ranking(
          'Answers that are no success',
          all.or_zero(all.above(all.sum(all.increase(m.bellwether_api_requests_total, { code: '!~2..|3..' }), by=['source', 'code']), 0)),
          by=['source', 'code'],
          value='Requests',
          good='low',
          description='Requests in the time shown that were refused or not answered, by status of the answer, or the reason there was none.',
        ),
      ],

      section('On call'),
      [
        // What does the on-call service have open?
        panel.series(
          'Incidents by service',
          all.sum(m.oncall_incidents, by=['service', 'state']),
          good='low',
          description='Incidents that are not resolved, by service, and whether somebody has acknowledged them.',
          stacked=true,
        ),
        // Is somebody there?
        panel.timeline(
          'Somebody on call',
          all.least(m.oncall_schedule_covered, by=['schedule']),
          panel.yes_or_no,
          good='high',
          description='Whether anybody was on call by each schedule.',
        ),
        // And in the days to come?
        panel.bars(
          'Time ahead with somebody on call',
          all.least(m.oncall_schedule_ahead_ratio, by=['schedule', 'window']),
          good='high',
          max=1,
        ),
      ],
    ],
  )
