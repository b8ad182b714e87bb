// For those who run PostgreSQL: does it answer, is it quick, what slows it, and is its data safe?
function(lib)
  local m = lib.metrics;
  local r = lib.records;
  local panel = lib.panel;
  local section = lib.board.section;
  local limit(name) = lib.limits[name];
  local q = lib.promql.within({ instance: '=~$server', datname: '=~$datname' });

  local server = ['instance'];
  local databases = ['instance', 'datname'];
  local table = ['instance', 'datname', 'schemaname', 'relname'];
  local index = table + ['indexrelname'];
  local statement = ['instance', 'datname', 'queryid'];
  local per_second(metric, name, by=databases) = q.sum(q.rate(metric), by=by) {
    legend: std.join(' ', ['{{%s}}' % label for label in by]) + ' ' + name,
  };
  local part(hit, read, by, where={}) =
    local hits = q.sum(q.rate(hit, where), by=by);
    q.divide(hits, q.above(q.plus(hits, q.sum(q.rate(read, where), by=by)), 0));
  local named(e, name) = e { legend: '{{instance}} ' + name };

  lib.board.page(
    title='Database',
    description='PostgreSQL: connections, queries, locks, caches, indexes, replication, vacuum and growth. The first row says whether to read on.',
    folder='Technical',
    tags=['technical', 'database'],
    time='now-6h',
    refresh='1m',
    down=['capacity', 'hosts'],
    variables=[
      lib.board.variable('instance', 'Server', m.pg_up, name='server'),
      lib.board.variable('datname', 'Database', m.pg_database_size_bytes, { instance: '=~$server' }),
    ],
    rows=[
      [
        // Is the database well?
        panel.strip('Database now', [
          q.least(m.pg_up) { legend: 'Answers', good: 'high', states: panel.up_or_down },
          q.greatest(r['instance:pg_connections:ratio']) {
            legend: 'Connections',
            good: 'low',
            limits: limit('database_connections_ratio'),
          },
          q.least(r['instance:pg_cache_hits:ratio_rate5m']) { legend: 'Cache hits', good: 'high', limits: limit('database_cache_hit_ratio') },
          q.sum(m.pg_database_size_bytes) { legend: 'Size', good: 'neither' },
        ], alerts=['DatabaseUnreachable', 'DatabaseConnectionsNearLimit', 'DatabaseConnectionsExhausted', 'DatabaseCacheHitsLow']),
        panel.strip('What is slow', [
          q.greatest(m.pg_stat_statements_p95_exec_seconds) {
            legend: 'Slowest p95',
            good: 'low',
            limits: limit('database_query_seconds'),
          },
          q.sum(m.pg_blocked_sessions) { legend: 'Blocked', good: 'low', limits: { warning: 1 } },
          q.greatest(m.pg_replication_lag_seconds) { legend: 'Replicas lag', good: 'low', limits: limit('database_replication_lag_seconds') },
        ], alerts=['DatabaseQueriesSlow', 'DatabaseBlocked', 'DatabaseReplicationLag']),
      ],
      [
        // Do sessions pile up?
        panel.series(
          'Sessions by state',
          [q.sum(m.pg_stat_activity_count, by=['state'])],
          good='neither',
          description='Sessions by what they do. Many that are idle in a transaction hold locks and keep rows from vacuum.',
          stacked=true,
          alerts=['DatabaseConnectionsNearLimit'],
        ),
        // How many more can come?
        panel.series(
          'Connections used',
          q.value(r['instance:pg_connections:ratio']),
          good='low',
          limits=limit('database_connections_ratio'),
          max=1,
          alerts=['DatabaseConnectionsNearLimit', 'DatabaseConnectionsExhausted'],
        ),
        // Do sessions end otherwise than by their own will?
        panel.series(
          'Sessions that ended badly',
          [
            per_second(m.pg_stat_database_sessions_abandoned, 'client lost', server),
            per_second(m.pg_stat_database_sessions_fatal, 'fatal error', server),
            per_second(m.pg_stat_database_sessions_killed, 'ended by an operator', server),
          ],
          good='low',
          description='Sessions per second that lost their client, met a fatal error or were ended by an operator. 0 is usual; needs version 14.',
        ),
        // Do clients wait for a pool?
        panel.series(
          'Clients of pools that wait',
          [
            q.sum(m.pgbouncer_pools_client_waiting_connections, by=['instance', 'database']) { legend: 'PgBouncer {{instance}} {{database}}' },
            q.sum(m.db_client_connection_pending_requests, by=['source', 'db_client_connection_pool_name']) {
              legend: '{{source}} {{db_client_connection_pool_name}}',
            },
          ],
          good='low',
          description=|||
            Clients of PgBouncer, and requests in applications, that wait for a connection of their pool. Pools have names of their own:
            choose all servers to see them.
          |||,
          alerts=['PoolExhausted'],
        ),
      ],

      section('Queries'),
      [
        // What takes the server's time?
        panel.ranking(
          'Statements by time',
          q.top(20, q.sum(q.rate(m.pg_stat_statements_seconds_total), by=statement)),
          by=statement,
          value='Busy',
          good='low',
          description='Time spent on each statement / time: 1 keeps one session busy. The texts are in the table beside.',
        ),
        // Which statements are slow?
        panel.ranking(
          'Statements by 95th percentile',
          q.top(20, q.greatest(m.pg_stat_statements_p95_exec_seconds, by=statement)),
          by=statement,
          value='p95',
          good='low',
          limits=limit('database_query_seconds'),
          alerts=['DatabaseQueriesSlow'],
        ),
        // What do they say?
        panel.ranking(
          'Texts of statements',
          q.count(q.increase(m.pg_stat_statements_query_id), by=['queryid', 'query']),
          by=['queryid', 'query'],
          value='Servers',
          good='neither',
          description='The beginning of each statement that is shown, without its values, by the number in the tables beside.',
        ) {
          fieldConfig+: {
            overrides+: [
              { matcher: { id: 'byName', options: column[0] }, properties: [{ id: 'custom.width', value: column[1] }] }
              for column in [['Statement', 110], ['Servers', 80]]
            ],
          },
        },
      ],
      [
        // Are queries getting slower as a whole?
        panel.series(
          'Mean time of a statement',
          q.divide(
            q.sum(q.rate(m.pg_stat_statements_seconds_total), by=databases),
            q.above(q.sum(q.rate(m.pg_stat_statements_calls_total), by=databases), 0),
            unit='seconds',
          ),
          good='low',
          description='Time spent on statements / their number, of the statements that are shown.',
          limits=limit('database_query_seconds'),
          alerts=['DatabaseQueriesSlow'],
        ),
        // Does somebody hold a transaction open?
        panel.series(
          'Oldest transaction',
          q.greatest(m.pg_long_running_transactions_oldest_timestamp_seconds, by=server),
          good='low',
          limits=limit('database_transaction_seconds'),
          alerts=['DatabaseTransactionLong'],
        ),
        // How much is done, and how much undone?
        panel.series(
          'Transactions',
          [
            per_second(m.pg_stat_database_xact_commit, 'committed'),
            per_second(m.pg_stat_database_xact_rollback, 'rolled back'),
          ],
          good='neither',
          description='Transactions per second that were committed and rolled back. Many roll-backs mean failing requests.',
        ),
      ],

      section('Statements by calls, rows and pages', folded=true),
      [
        // What is asked most often?
        panel.ranking(
          'Statements by calls',
          q.top(20, q.sum(q.rate(m.pg_stat_statements_calls_total), by=statement)),
          by=statement,
          value='Calls',
          good='neither',
          description='How often each statement ran per second. The texts are in the table above.',
        ),
        // What returns the most?
        panel.ranking(
          'Statements by rows',
          q.top(20, q.sum(q.rate(m.pg_stat_statements_rows_total), by=statement)),
          by=statement,
          value='Rows',
          good='neither',
          description='Rows per second that each statement returned or changed. Many more than are shown anywhere want a limit.',
        ),
        // What reads the most from outside the buffers?
        panel.ranking(
          'Statements by pages read',
          q.top(20, q.sum(q.rate(m.pg_stat_statements_shared_blks_read_total), by=statement)),
          by=statement,
          value='Pages',
          good='low',
          description='Pages per second that each statement had to fetch, since they were not in the buffers of PostgreSQL.',
        ),
      ],

      section('Locks and temporary files', folded=true),
      [
        // Does one session keep others waiting?
        panel.series(
          'Sessions blocked',
          q.sum(m.pg_blocked_sessions, by=databases),
          good='low',
          alerts=['DatabaseBlocked'],
        ),
        panel.series(
          'Deadlocks',
          q.sum(q.increase(m.pg_stat_database_deadlocks, over='5m'), by=databases),
          good='low',
          alerts=['DatabaseDeadlocks'],
          description='Deadlocks in five minutes: transactions that waited for each other until one was ended.',
        ),
        // Which locks are held?
        panel.series('Locks by mode', q.sum(m.pg_locks_count, by=['mode']), good='neither', stacked=true),
        // Does work_mem suffice?
        panel.series('Temporary files', q.sum(q.rate(m.pg_stat_database_temp_bytes), by=databases), good='low'),
      ],

      section('Caches and indexes', folded=true),
      [
        // Does memory hold what is asked for?
        panel.series(
          'Cache hits',
          [
            q.value(r['instance:pg_cache_hits:ratio_rate5m']) { legend: '{{instance}} pages' },
            named(part(m.pg_statio_user_indexes_idx_blks_hit_total, m.pg_statio_user_indexes_idx_blks_read_total, server), 'index pages'),
          ],
          good='high',
          description='Share of pages, and of pages of indexes that are shown, that PostgreSQL found in its own buffers. Others came from the kernel or a disk.',
          limits=limit('database_cache_hit_ratio'),
          alerts=['DatabaseCacheHitsLow'],
          max=1,
        ),
        // Which tables lack an index?
        panel.ranking(
          'Rows read by scans of whole tables',
          q.top(15, q.sum(q.rate(m.pg_stat_user_tables_seq_tup_read), by=table)),
          by=['relname', 'schemaname', 'datname', 'instance'],
          value='Rows per second',
          good='low',
          description='Rows per second that scans through whole tables went through. Much of it in a large table asks for an index.',
        ),
        // Which indexes serve nobody?
        panel.ranking(
          'Unused and duplicate indexes',
          q.top(15, q.otherwise(q.greatest(m.pg_index_unused_bytes, by=index), q.greatest(m.pg_index_duplicate_bytes, by=index))),
          by=['indexrelname', 'relname', 'datname', 'instance'],
          value='Size',
          good='low',
          description='Indexes never scanned since statistics began, or equal to another one, by size. Look at replicas before you drop one.',
        ),
        // Which indexes do the work?
        panel.ranking(
          'Scans of indexes',
          q.top(15, q.sum(q.rate(m.pg_stat_user_indexes_idx_scan), by=index)),
          by=['indexrelname', 'relname', 'datname', 'instance'],
          value='Scans per second',
          good='neither',
        ),
      ],

      section('Replication and archiving'),
      [
        // Would a failover lose data?
        panel.series(
          'Replication lag',
          [
            q.greatest(m.pg_replication_lag_seconds, by=server) { legend: '{{instance}} behind' },
            q.greatest(m.pg_stat_replication_replay_lag_seconds, by=['instance', 'application_name']) { legend: '{{application_name}} behind {{instance}}' },
          ],
          good='low',
          description='How far replicas are behind: as each sees itself, and as its primary sees it.',
          limits=limit('database_replication_lag_seconds'),
          alerts=['DatabaseReplicationLag'],
        ),
        // Does somebody keep the log from being removed?
        panel.series(
          'Log kept and not yet replayed',
          [
            q.greatest(m.pg_replication_slots_pg_wal_lsn_diff, by=['instance', 'slot_name']) { legend: '{{instance}} slot {{slot_name}}' },
            q.greatest(m.pg_stat_replication_pg_wal_lsn_diff, by=['instance', 'application_name']) { legend: '{{application_name}} behind {{instance}}' },
            q.greatest(m.pg_wal_size_bytes, by=server) { legend: '{{instance}} on disk' },
          ],
          good='low',
          description='Write-ahead log that slots keep, that receivers have not replayed, and that lies on disk.',
          alerts=['DatabaseReplicationSlotGrowing'],
        ),
        // Could the database be restored?
        panel.series(
          'Archiving',
          [
            q.sum(q.increase(m.pg_stat_archiver_archived_count, over='5m'), by=server) { legend: '{{instance}} archived' },
            q.sum(q.increase(m.pg_stat_archiver_failed_count, over='5m'), by=server) { legend: '{{instance}} failed' },
          ],
          good='neither',
          description='Files of the write-ahead log archived in five minutes, and attempts that failed, of which none is good.',
          colours={ failed: 'bad' },
          alerts=['DatabaseArchivingFails'],
        ),
        // Is what is stored still whole?
        panel.series(
          'Broken pages',
          q.or_zero(q.sum(q.increase(m.pg_stat_database_checksum_failures, over='1h'), by=databases)),
          good='low',
          description='Pages read within an hour that did not match their checksum. Always 0 where data checksums are off.',
          limits=limit('database_broken_pages'),
          alerts=['DatabaseDamaged'],
        ),
      ],

      section('Vacuum and growth'),
      [
        // How close is the wraparound?
        panel.bars(
          'Age of the oldest transaction id',
          q.greatest(m.pg_database_age, by=databases) { unit: '' },
          good='low',
          max=2e9,
          alerts=['DatabaseWraparoundNear'],
        ),
        // Does vacuum keep up?
        panel.ranking(
          'Dead rows',
          q.top(15, q.greatest(m.pg_stat_user_tables_n_dead_tup, by=table)),
          by=['relname', 'schemaname', 'datname', 'instance'],
          value='Dead rows',
          good='low',
          alerts=['DatabaseDeadRowsHigh'],
        ),
        // What would a rewrite give back?
        panel.ranking(
          'Bloat of tables',
          q.top(15, q.greatest(m.pg_bloat_table_bytes, by=table)),
          by=['relname', 'schemaname', 'datname', 'instance'],
          value='Not needed',
          good='low',
        ),
      ],
      [
        // What grows?
        panel.series('Size of databases', q.greatest(m.pg_database_size_bytes, by=databases), good='neither'),
        panel.ranking(
          'Largest tables',
          q.top(15, q.greatest(m.pg_stat_user_tables_table_size_bytes, by=table)),
          by=['relname', 'schemaname', 'datname', 'instance'],
          value='Size',
          good='neither',
        ),
        // Which figures cannot be had with the rights that there are?
        panel.ranking(
          'Figures that are not to be had',
          q.above(q.rest(q.greatest(m.bellwether_postgres_query_available, by=['instance', 'query', 'obstacle'])), 0),
          by=['query', 'obstacle', 'instance'],
          value='Missing',
          good='low',
          description='Queries of the collector that are not answered, and what is in the way: a right, an extension, the version or the role of the server.',
        ),
      ],
    ],
  )
