// For those who answer for personal data: is it deleted in time, do people get what they ask for, and does this show none of it?
function(lib)
  local m = lib.metrics;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;

  local all = lib.promql;
  local q = all.within({ source: '=~$source' });

  local dataset = ['dataset'];
  local quarter = { window: '90d' };
  local used = q.divide(
    q.greatest(m.privacy_data_oldest_age_seconds, by=dataset), q.greatest(m.privacy_data_keep_seconds, by=dataset)
  );
  local late = limits.data_age_ratio;
  local overdue_rows = q.sum(m.privacy_data_overdue_rows, by=dataset);
  // Overdue is more than the limit, which colours begin at.
  local any_overdue = { warning: limits.data_overdue_rows.warning + 1 };
  local oldest = q.greatest(m.privacy_oldest_open_request_seconds, by=['kind']);
  local done(where={}) = q.sum(q.increase(m.privacy_requests_completed_total, where, over='90d'));
  local redacted(over, by=[]) = all.sum(all.increase(m.bellwether_collector_redacted_series_total, over=over), by=by);
  // Whether Prometheus has figures of so long ago. All of its targets have `up`.
  local reaches(time, name) =
    local there = all.or_zero(all.count(all.ago(time).value(m.up)));
    there {
      expr: '(%s) > bool 0' % super.expr,
      unit: '',
      help: 'Whether figures of that time are still there.',
      legend: name,
      good: 'high',
      states: { '1': panel.yes_or_no['1'], '0': { text: 'Not yet', color: lib.colour.neutral, index: 1 } },
    };

  lib.board.page(
    title='Privacy and retention',
    description='Promises about personal data: deleted when its time is over, requests answered in time, and none in the metrics.',
    folder='Security',
    tags=['security', 'privacy'],
    time='now-7d',
    refresh='5m',
    variables=[lib.board.choice('source', 'Source', m.privacy_data_keep_seconds, first=lib.config.source)],
    down=['security', 'exporter', 'alerts'],
    rows=[
      [
        // Is a promise broken?
        panel.strip('Retention now', [
          q.sum(m.privacy_data_overdue_rows) {
            legend: 'Rows overdue',
            help: 'Rows that should have been deleted by now.',
            good: 'low',
            limits: any_overdue,
          },
          q.or_zero(q.count(q.above(used, late.critical))) {
            legend: 'Over time',
            help: 'Sets of data whose oldest row is %g %% older than the policy allows, or more: what runs each night does not delete it.' % (100 * (late.critical - 1)),
            good: 'low',
            limits: { critical: 1 },
          },
          redacted('1d') {
            legend: 'Redacted, 24 h',
            help: 'Series within 24 hours with a label value that looked like personal data and was replaced; 0 is good.',
            decimals: 0,
            good: 'low',
            limits: { warning: 1 },
          },
        ], alerts=['DataKeptTooLong', 'PersonalDataRedacted']) { width: 10 },
        panel.strip('Requests of people now', [
          q.or_zero(q.sum(m.privacy_requests_open)) {
            legend: 'Open',
            help: 'Requests of people about data of their own that are not done.',
            good: 'low',
          },
          q.or_zero(q.greatest(oldest)) {
            legend: 'Oldest open',
            help: 'Age of the oldest request that is not done; 0 without one.',
            unit: 'seconds',
            good: 'low',
            limits: limits.privacy_request_seconds,
          },
          q.or_zero(q.sum(q.value(m.privacy_requests_open, { state: 'overdue' }))) {
            legend: 'Overdue',
            help: 'Requests past the instant by which they must be answered: 30 days after they came, where no other is given.',
            good: 'low',
            limits: { critical: 1 },
          },
          q.divide(done({ state: 'in_time' }), q.above(done(), 0)) {
            legend: 'In time, 90 d',
            help: 'Requests done in time / all that were done, of the last 90 days.',
            good: 'high',
          },
        ], alerts=['PrivacyRequestOverdue', 'PrivacyRequestDueSoon']) { width: 14 },
      ],
      [
        // Which data is kept too long?
        panel.table('Data against its policy', by='dataset', of=[
          q.greatest(m.privacy_data_oldest_age_seconds, by=dataset) { legend: 'Oldest row', good: 'low' },
          q.greatest(m.privacy_data_keep_seconds, by=dataset) {
            legend: 'May be kept',
            help: 'How old a row may become by the policy.',
            good: 'neither',
          },
          used {
            legend: 'Time used',
            help: 'Age of the oldest row / how old a row may become. Just above 100 % waits for the next night, well above the policy is broken.',
            good: 'low',
            limits: late,
          },
          overdue_rows { legend: 'Rows overdue', good: 'low', limits: any_overdue },
        ], alerts=['DataKeptTooLong']),
        // How long do people wait?
        panel.series(
          'Oldest open request',
          oldest,
          good='low',
          description=|||
            Age of the oldest request that is not done, by kind. The law gives a month; the lines are where it is due soon and
            where it is late. A gap is a time without an open request.
          |||,
          limits=limits.privacy_request_seconds,
          alerts=['PrivacyRequestDueSoon', 'PrivacyRequestOverdue'],
        ),
      ],

      section('Retention of data'),
      [
        // What will be due next?
        panel.bars(
          'Share of its time that the oldest row has used',
          used,
          good='low',
          description='Age of the oldest row / how old a row may become, for each set of data. Deletion each night keeps it near 100 % or below.',
          limits=late,
          alerts=['DataKeptTooLong'],
        ),
        // Does the deletion run every night?
        panel.series(
          'Rows overdue for deletion',
          overdue_rows,
          good='low',
          description=|||
            Rows that should have been deleted by now, by set of data. Teeth that fall to 0 each night are the deletion at work;
            a line that stays up is one that does not run.
          |||,
          alerts=['DataKeptTooLong'],
        ),
        // How does the oldest row age?
        panel.series('Age of the oldest row', q.greatest(m.privacy_data_oldest_age_seconds, by=dataset), good='low'),
      ],

      section('Requests of people'),
      [
        // How much is to do?
        panel.series(
          'Open requests',
          q.sum(m.privacy_requests_open, by=['kind', 'state']),
          good='low',
          description='Requests that are not done, by kind, and whether they are past the instant by which they must be.',
          stacked=true,
          colours={ overdue: 'bad' },
        ),
        // Do more come than are done?
        panel.series(
          'Came and done, 7 d',
          [
            q.sum(q.increase(m.privacy_requests_received_total, over='7d'), by=['kind']) { legend: '{{kind}} came' },
            q.sum(q.increase(m.privacy_requests_completed_total, over='7d'), by=['kind']) { legend: '{{kind}} done', dashed: true },
          ],
          good='neither',
          description='Requests of the seven days before, by kind; dashed, those that were done. The two should keep up.',
        ),
      ],
      [
        // How soon are they answered?
        panel.series(
          'Time to answer, 90 d',
          [
            q.quantile_now(0.5, m.privacy_request_completion_seconds, quarter, by=['kind']) { legend: '{{kind}}, half' },
            q.quantile_now(0.95, m.privacy_request_completion_seconds, quarter, by=['kind']) {
              legend: '{{kind}}, 95 of 100',
              dashed: true,
            },
          ],
          good='low',
          description='Of the requests done within 90 days: half were answered sooner, and dashed, 95 of 100 were.',
          limits=limits.privacy_request_seconds,
        ),
        // How many were late?
        panel.ranking(
          'Done, 90 d',
          q.sum(q.increase(m.privacy_requests_completed_total, over='90d'), by=['kind', 'state']),
          by=['kind', 'state'],
          value='Requests',
          good='high',
          description='Requests done within 90 days, by kind and whether they were in time. None should be overdue.',
        ),
      ],

      section('Bellwether itself'),
      [
        // Would personal data have got into the metrics?
        panel.series(
          'Label values replaced, 1 h',
          q.or_zero(q.above(redacted('1h', ['collector']), 0)) { legend: '{{collector}}' },
          good='low',
          description=|||
            Series within an hour with a label value that looked like personal data or a credential and was replaced, by
            collector. Metrics are sums and hold no person; where this is not 0, a query asks for a person's name.
          |||,
          limits={ warning: 1 },
          alerts=['PersonalDataRedacted'],
        ),
        // Are metrics themselves kept as long as promised?
        panel.strip('How far back figures reach', [
          reaches('7d', '7 days'),
          reaches('90d', '90 days'),
          reaches('364d', 'a year'),
        ]),
        // What do they take?
        panel.series('Space of stored metrics', all.greatest(m.prometheus_tsdb_storage_blocks_bytes) { legend: 'blocks' }, good='low'),
      ],
    ],
  )
