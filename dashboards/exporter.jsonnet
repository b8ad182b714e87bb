// For those who run Bellwether: does every source deliver, how old are its figures, what does it cost, and what was left out?
function(lib)
  local m = lib.metrics;
  local q = lib.promql;
  local panel = lib.panel;
  local section = lib.board.section;
  local limit(name) = lib.limits[name];

  local collector = ['collector'];
  local pack = ['source', 'pack'];
  local itself = { job: lib.config.jobs.bellwether };
  local age = q.greatest(q.age(m.bellwether_collector_last_success_timestamp_seconds), by=collector);
  local polls(over) = q.sum(q.increase(m.bellwether_collector_polls_total, over=over), by=collector);
  // A collector that never failed has no count of failures.
  local failures(over) = q.sum(q.increase(m.bellwether_collector_failures_total, over=over), by=collector);
  local failed(over) = q.otherwise(failures(over), q.times(polls(over), 0)) { help: failures(over).help, unit: failures(over).unit };
  local refused(metric) = q.sum(metric, by=['source', 'reason']);
  // What is set to 1 while something is wrong, and otherwise is 0 or absent.
  local wrong(metric, by) = q.above(q.greatest(metric, by=by), 0);

  lib.board.page(
    title='Exporter',
    description='Bellwether itself: sources that fail or grow old, what each costs, series that were refused or made unreadable, calls and quotas.',
    folder='Meta',
    tags=['meta', 'exporter'],
    time='now-6h',
    refresh='30s',
    rows=[
      [
        // Can the other pages be believed?
        panel.strip('Watching now', [
          q.least(q.value(m.up, itself)) { legend: 'Exporter', good: 'high', states: panel.up_or_down },
          q.least(m.bellwether_config_last_reload_successful) { legend: 'Settings valid', good: 'high', states: panel.yes_or_no },
          q.greatest(age) { legend: 'Oldest success', help: 'Time since the last success of the collector for which that is longest.', good: 'low' },
        ], alerts=['ExporterDown', 'ConfigurationRejected', 'SourceStale', 'Watchdog']),
        panel.strip('What fails', [
          q.or_zero(q.count(q.below(m.bellwether_collector_up, 1))) {
            legend: 'Collectors',
            help: 'Collectors whose last run failed.',
            good: 'low',
            limits: { warning: 1 },
          },
          q.or_zero(q.count(q.below(m.bellwether_pack_up, 1))) {
            legend: 'Packs',
            help: 'Packs of which a query failed when it was last asked, or whose file is wrong.',
            good: 'low',
            limits: { warning: 1 },
          },
          q.sum(m.bellwether_collector_series) { legend: 'Series', good: 'neither' },
        ], alerts=['CollectorFailing', 'PackFailing']),
      ],
      [
        // Which source does not deliver?
        panel.table('Collectors at a glance', by='collector', of=[
          q.least(m.bellwether_collector_up, by=collector) { legend: 'Works', good: 'high', states: panel.yes_or_no },
          age { legend: 'Last success', help: 'Time since the last run that succeeded.', good: 'low' },
          q.greatest(m.bellwether_collector_duration_seconds, by=collector) { legend: 'Last run took', good: 'low' },
          polls('1h') { legend: 'Runs, 1 h', good: 'neither' },
          failed('1h') { legend: 'Failed, 1 h', good: 'low', limits: { warning: 1 } },
          q.sum(m.bellwether_collector_series, by=collector) { legend: 'Series', good: 'neither' },
        ], alerts=['CollectorFailing', 'SourceStale']),
        // Since when, and which others with it?
        panel.timeline(
          'Collectors over time',
          q.least(m.bellwether_collector_up, by=collector),
          states=panel.up_or_down,
          good='high',
          alerts=['CollectorFailing'],
        ) { height: 14 },
      ],

      section('Failures and age'),
      [
        panel.series(
          'Failed runs',
          q.or_zero(q.above(q.sum(q.increase(m.bellwether_collector_failures_total, over='5m'), by=['collector', 'reason']), 0)),
          good='low',
          description='Runs of each collector that failed within five minutes, by reason.',
          alerts=['CollectorFailing'],
        ),
        panel.series('Time since the last success', [q.greatest(age) { legend: 'the oldest' }, q.mean(age) { legend: 'mean' }], good='low', description='How old the figures of collectors are: of the one with the oldest, and on average. The table above names each.', alerts=['SourceStale']),
        // Which chapter of the business is missing?
        panel.ranking(
          'Packs by age of their figures',
          q.greatest(q.age(m.bellwether_pack_oldest_figures_timestamp_seconds), by=pack),
          by=pack,
          value='Age',
          good='low',
          description='Age of the oldest figures of each pack; those with an interval of hours are that old.',
        ),
        panel.ranking(
          'Packs that fail',
          q.or_zero(q.above(q.rest(q.least(m.bellwether_pack_up, by=pack)), 0)),
          by=pack,
          value='Failing',
          good='low',
          alerts=['PackFailing'],
          description='Packs of which a query failed when it was last asked, or whose file is wrong. None is good.',
        ),
      ],

      section('Why'),
      [
        panel.ranking(
          'Packs and their reasons',
          q.or_zero(wrong(m.bellwether_pack_error, pack + ['reason'])),
          by=pack + ['reason'],
          value='Now',
          good='low',
          description='Packs that are wrong or fail, with the reason: refused, denied, malformed, timeout, unreachable. None is good.',
        ),
        panel.ranking(
          'Servers and probes that cannot be read',
          q.or_zero(q.otherwise(
            q.otherwise(
              wrong(m.bellwether_postgres_error, ['instance', 'reason']), wrong(m.bellwether_pgbouncer_error, ['instance', 'reason'])
            ),
            wrong(m.bellwether_probe_failure, ['instance', 'reason']),
          )),
          by=['instance', 'reason'],
          value='Now',
          good='low',
          description='PostgreSQL and PgBouncer that cannot be read, wholly or in part, and probes that failed, with the reason. None is good.',
        ),
        panel.ranking(
          'Targets that do not answer',
          q.or_zero(q.above(q.rest(q.least(m.up, by=['job', 'instance'])), 0)),
          by=['job', 'instance'],
          value='Down',
          good='low',
          alerts=['TargetDown'],
          description='Targets, by job, whose last scrape failed. None is good.',
        ),
        panel.ranking(
          'Databases by their last visit',
          q.greatest(q.age(m.bellwether_postgres_database_last_visit_timestamp_seconds), by=['instance', 'datname']),
          by=['datname', 'instance'],
          value='Ago',
          good='low',
          description='How long ago each database was asked for its own tables and indexes; many databases take turns.',
        ),
      ],

      section('Cost', folded=true),
      [
        // What does a poll cost?
        panel.series('Duration of runs', q.greatest(m.bellwether_collector_duration_seconds, by=collector), good='low'),
        panel.ranking('Duration of packs', q.greatest(m.bellwether_pack_duration_seconds, by=pack), by=pack, value='Took', good='low'),
        panel.series('Series by collector', q.sum(m.bellwether_collector_series, by=collector), good='neither', stacked=true),
      ],
      [
        panel.series('CPU of the exporter', q.sum(q.rate(m.process_cpu_seconds_total, itself), by=['instance']), good='low'),
        panel.series('Memory of the exporter', q.greatest(q.value(m.process_resident_memory_bytes, itself), by=['instance']), good='low'),
        panel.series('Duration of scrapes', q.greatest(q.value(m.scrape_duration_seconds), by=['job']) { legend: '{{job}}' }, good='low'),
        panel.series(
          'Files of the exporter',
          [
            q.greatest(q.value(m.process_open_fds, itself), by=['instance']) { legend: '{{instance}} open' },
            q.greatest(q.value(m.process_max_fds, itself), by=['instance']) { legend: '{{instance}} at most', dashed: true },
          ],
          good='low',
          description='Files and connections that the exporter holds open, and the most that it may.',
        ),
      ],

      section('What was left out'),
      [
        // Are figures missing because there were too many?
        panel.series(
          'Series refused',
          q.or_zero(q.sum(q.increase(m.bellwether_collector_dropped_series_total, over='1h'), by=['collector', 'reason'])),
          good='low',
          description='Series refused within an hour, by collector and reason: over the budget, twice the same, a label too long, a name that is taken, no number.',
          alerts=['SeriesDropped'],
        ),
        // Did somebody's data get into a label?
        panel.series(
          'Series with personal data',
          q.or_zero(q.above(q.sum(q.increase(m.bellwether_collector_redacted_series_total, over='1h'), by=collector), 0)),
          good='low',
          description='Series shown within an hour with a label value replaced, because it looked like personal data or a credential. 0 is good.',
          alerts=['PersonalDataRedacted'],
        ),
        // Were other endpoints not taken over whole?
        panel.series(
          'Families refused',
          q.or_zero(q.otherwise(
            refused(m.bellwether_scrape_refused_families), refused(m.bellwether_python_refused_families)
          )),
          good='low',
          description='Metrics of merged endpoints and of mounted Python collectors that are not shown whole, by reason. 0 is good.',
        ),
      ],

      section('Calls to others'),
      [
        panel.series(
          'Calls per minute',
          q.sum(q.per_minute(m.bellwether_api_requests_total), by=['code']),
          good='neither',
          description='Requests to the APIs of others, by status of the answer; 429 is a quota that is used up.',
        ),
        panel.series(
          'Time of a call',
          q.top(6, lib.promql.lately(q.mean_of(m.bellwether_api_request_duration_seconds, by=['source']))),
          good='low',
          description='Mean time that requests to an API took within a quarter of an hour, of the slowest.',
        ),
        panel.series('Calls left', q.least(m.bellwether_api_quota_left, by=['source']), good='high', alerts=['VendorQuotaLow']),
      ],

      section('Version', folded=true),
      [
        panel.ranking('Versions', q.count(m.bellwether_build_info, by=['version', 'python']), by=['version', 'python'], value='Exporters', good='neither'),
        panel.ranking(
          'Databases by who runs them',
          q.count(m.bellwether_postgres_service_info, by=['service']),
          by=['service'],
          value='Servers',
          good='neither',
        ),
        panel.ranking(
          'Container engines',
          q.count(m.bellwether_container_engine_info, by=['engine', 'version']),
          by=['engine', 'version'],
          value='Hosts',
          good='neither',
        ),
      ],
      [
        panel.series(
          'Size of merged pages',
          q.greatest(m.bellwether_scrape_page_size_bytes, by=['source']),
          good='neither',
        ),
        panel.series('Values on merged pages', q.greatest(m.bellwether_scrape_page_lines, by=['source']), good='neither'),
        panel.bars(
          'Settings taken up',
          q.greatest(q.age(m.bellwether_config_last_reload_success_timestamp_seconds), by=['instance']),
          good='neither',
          description='Time since valid settings were last taken up.',
          alerts=['ConfigurationRejected'],
        ),
      ],
    ],
  )
