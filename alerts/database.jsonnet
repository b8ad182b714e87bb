// PostgreSQL and the pools before it: does it answer, is it quick, and is its data safe?
function(lib)
  local alert = lib.rule.alert;
  local m = lib.metrics;
  local q = lib.promql;
  local r = lib.records;
  local limits = lib.limits;
  local is = lib.rule.is;
  local guard = (import 'lib/guard.libsonnet')(lib);
  local database = { domain: 'database', service: 'postgres', dashboard: 'database', dashboard_labels: { server: 'instance' } };
  local one = database { dashboard_labels: { server: 'instance', datname: 'datname' } };
  local server = ['instance'];
  local each = ['instance', 'datname'];
  {
    limits: {
      // `exhausted` counts those that are kept for superusers as taken: to all others they are.
      database_connections_ratio: { critical: 0.85, exhausted: 0.97 },
      // `calls`: so many statements within ten minutes say how quick the database is.
      database_query_seconds: { warning: 0.05, calls: 200 },
      database_broken_pages: { critical: 0 },
      database_transaction_seconds: { warning: 300 },
      database_deadlocks: { warning: 3 },
      database_blocked_seconds: { warning: 60 },
      database_replication_lag_seconds: { critical: 30 },
      database_slot_bytes: { warning: 1024 * 1024 * 1024 },
      // `blocks`: so many reads a second make a share of them worth looking at.
      database_cache_hit_ratio: { warning: 0.99, blocks: 100 },
      database_transaction_age: { critical: 1000000000 },
      database_dead_rows_ratio: { warning: 0.20, rows: 10000 },
      pool_waiting: { critical: 0 },
    },
    alerts: {
      DatabaseUnreachable: alert(database {
        priority: 'P0',
        // Of several exporters that watch one database, one that reaches it is enough.
        expr: is(q.greatest(m.pg_up, by=server), 0),
        'for': '2m',
        summary: 'A database takes no connections.',
        description: 'PostgreSQL at {{ $labels.instance }} has not answered for two minutes or more.',
        impact: 'Customers cannot use the product, and business figures stop.',
        action: "Look whether the server runs and what its log's last lines say; start it, or fail over.",
      }),
      DatabaseConnectionsNearLimit: alert(database {
        priority: 'P1',
        expr: q.above(r['instance:pg_connections:ratio'], limits.database_connections_ratio.critical),
        'for': '2m',
        keep_firing_for: '5m',
        summary: 'A database has few connections left.',
        description: 'PostgreSQL at {{ $labels.instance }} uses {{ $value | humanizePercentage }} of max_connections.',
        impact: 'When none is left, the application cannot connect, and customers see errors.',
        action: 'Find who holds them in pg_stat_activity, and end those that sit idle in a transaction.',
      }),
      DatabaseConnectionsExhausted: alert(database {
        priority: 'P0',
        local used = r['instance:pg_connections:ratio'],
        local share(metric) = q.divide(q.greatest(metric, by=server), q.greatest(m.pg_settings_max_connections, by=server)),
        expr: guard.when(
          used,
          q.above(q.plus(used, share(m.pg_settings_superuser_reserved_connections)), limits.database_connections_ratio.exhausted),
          by=server
        ),
        'for': '1m',
        keep_firing_for: '2m',
        summary: 'A database takes no more connections.',
        description: 'PostgreSQL at {{ $labels.instance }} uses {{ $value | humanizePercentage }} of max_connections; the rest is '
                     + 'for superusers.',
        impact: 'What needs a new connection fails: customers see errors, and so do jobs.',
        action: 'End sessions that sit idle in a transaction, then those of the program that opened the most.',
      }),
      // A page once broken stays so until it is written anew or restored. Each time that it is read counts.
      DatabaseDamaged: alert(one {
        priority: 'P0',
        // Told to all, as any loss of data, not only to those who run the database.
        domain: 'data',
        expr: q.above(
          q.sum(q.increase(m.pg_stat_database_checksum_failures, over='1h'), by=each), limits.database_broken_pages.critical
        ),
        summary: 'A database finds broken pages: data is lost.',
        description: 'In the database {{ $labels.datname }} of {{ $labels.instance }} {{ printf "%.0f" $value }} pages that were '
                     + 'read within an hour did not match their checksum.',
        impact: 'Rows on these pages cannot be read, and backups made since then may lack them too.',
        action: 'Stop what deletes old backups, and find in the log which tables the pages belong to.',
      }),
      DatabaseQueriesSlow: alert(one {
        priority: 'P2',
        domain: 'performance',
        local limit = limits.database_query_seconds,
        local calls = q.sum(q.increase(m.pg_stat_statements_calls_total, over='10m'), by=each),
        local took = q.sum(q.increase(m.pg_stat_statements_seconds_total, over='10m'), by=each),
        expr: q.above(q.divide(took, guard.enough(calls, limit.calls)), limit.warning),
        'for': '10m',
        keep_firing_for: '10m',
        summary: 'A database answers slowly.',
        description: 'The statements of the database {{ $labels.datname }} of {{ $labels.instance }} took '
                     + '{{ $value | humanizeDuration }} on average, over ten minutes.',
        impact: 'Every page and every request that needs the database is slower.',
        action: 'Find the statement with the most time on the dashboard; look at its plan and at who blocks it.',
      }),
      DatabaseTransactionLong: alert(database {
        priority: 'P2',
        expr: q.above(
          q.greatest(m.pg_long_running_transactions_oldest_timestamp_seconds, by=server), limits.database_transaction_seconds.warning
        ),
        summary: 'A transaction has been open for long.',
        description: 'The oldest transaction of {{ $labels.instance }} has been open for {{ $value | humanizeDuration }}.',
        impact: 'Its locks keep others waiting, and rows that died since cannot be vacuumed, so tables grow.',
        action: 'See in pg_stat_activity whose it is; a backup may go on, a forgotten session is ended.',
      }),
      DatabaseDeadlocks: alert(one {
        priority: 'P2',
        expr: q.above(q.sum(q.increase(m.pg_stat_database_deadlocks, over='15m'), by=each), limits.database_deadlocks.warning),
        keep_firing_for: '15m',
        summary: 'Transactions of a database keep running into deadlocks.',
        description: 'The database {{ $labels.datname }} of {{ $labels.instance }} had {{ printf "%.0f" $value }} deadlocks within '
                     + '15 minutes.',
        impact: 'One transaction of each pair was cancelled; its user saw an error or waited for a second try.',
        action: 'The log names both statements of each deadlock: let them lock rows in the same order.',
      }),
      DatabaseBlocked: alert(one {
        priority: 'P2',
        expr: q.above(q.greatest(m.pg_blocked_longest_wait_seconds, by=each), limits.database_blocked_seconds.warning),
        summary: 'Sessions wait for a lock that another one does not give up.',
        description: 'In the database {{ $labels.datname }} of {{ $labels.instance }} a session has waited for '
                     + '{{ $value | humanizeDuration }} for a lock.',
        impact: 'Requests that need the locked rows or table hang, and more queue up behind them.',
        action: 'Find who blocks with pg_blocking_pids(), and end that session if its work can be repeated.',
      }),
      DatabaseReplicationLag: alert(database {
        priority: 'P1',
        expr: q.above(q.greatest(m.pg_replication_lag_seconds, by=server), limits.database_replication_lag_seconds.critical),
        'for': '2m',
        keep_firing_for: '2m',
        summary: 'A replica is behind.',
        description: 'The replica {{ $labels.instance }} is {{ $value | humanizeDuration }} behind.',
        impact: 'Who reads from it sees old data, and a failover now would lose what it has not got yet.',
        action: 'Look whether it receives or replays slowly: network, disk, or a query on the replica in the way.',
      }),
      // A slot that is merely large may be shrinking; one that grows fills the disk of the primary.
      DatabaseReplicationSlotGrowing: alert(database {
        priority: 'P2',
        local by = ['instance', 'slot_name'],
        expr: guard.when(
          q.above(q.greatest(m.pg_replication_slots_pg_wal_lsn_diff, by=by), limits.database_slot_bytes.warning),
          q.above(q.greatest(q.change(m.pg_replication_slots_pg_wal_lsn_diff, over='15m'), by=by), 0),
          by=by
        ),
        'for': '5m',
        keep_firing_for: '15m',
        summary: 'A replication slot keeps more and more of the write-ahead log.',
        description: 'For the slot {{ $labels.slot_name }} {{ $labels.instance }} keeps {{ $value | humanize1024 }}B of log, '
                     + 'and more each minute.',
        impact: 'Nobody takes the log away, so it fills the disk; then the database stops.',
        action: 'Start the receiver of the slot, or drop the slot if nobody needs it any more.',
      }),
      DatabaseArchivingFails: alert(database {
        priority: 'P1',
        local failed = q.sum(q.increase(m.pg_stat_archiver_failed_count, over='10m'), by=server),
        local archived = q.sum(q.increase(m.pg_stat_archiver_archived_count, over='10m'), by=server),
        expr: guard.when(q.above(failed, 0), is(archived, 0), by=server),
        summary: 'The write-ahead log is not archived.',
        description: 'Each of the last {{ printf "%.0f" $value }} attempts of {{ $labels.instance }} at archiving its log failed, '
                     + 'for ten minutes.',
        impact: 'The database cannot be restored to a moment after the last archived file, and the log fills the disk.',
        action: "The reason stands in the server's log: as a rule the archive is full or cannot be reached.",
      }),
      DatabaseCacheHitsLow: alert(database {
        priority: 'P2',
        domain: 'performance',
        local limit = limits.database_cache_hit_ratio,
        local blocks = q.plus(
          q.sum(q.rate(m.pg_stat_database_blks_hit, over='5m'), by=server),
          q.sum(q.rate(m.pg_stat_database_blks_read, over='5m'), by=server)
        ),
        expr: guard.when(
          q.below(r['instance:pg_cache_hits:ratio_rate5m'], limit.warning), guard.enough(blocks, limit.blocks), by=server
        ),
        'for': '15m',
        keep_firing_for: '15m',
        summary: 'A database reads much from disk.',
        description: 'PostgreSQL at {{ $labels.instance }} found {{ $value | humanizePercentage }} of what it read in its buffers.',
        impact: 'Queries wait for the disk, all of them more slowly than they could be.',
        action: 'Find the statement that reads the most blocks; it lacks an index, or shared_buffers are too small.',
      }),
      DatabaseWraparoundNear: alert(one {
        priority: 'P1',
        expr: q.above(q.greatest(m.pg_database_age, by=each), limits.database_transaction_age.critical),
        'for': '5m',
        summary: 'A database runs out of transaction ids.',
        description: 'The oldest id of {{ $labels.datname }} of {{ $labels.instance }} is {{ $value | humanize }} transactions old; '
                     + 'at two thousand million the database refuses to write.',
        impact: 'Nothing yet; at the end no row can be written until a vacuum of hours is over.',
        action: 'Find what holds vacuum back (old transactions, slots, prepared transactions), end it, and vacuum.',
      }),
      DatabaseDeadRowsHigh: alert(one {
        priority: 'P3',
        local limit = limits.database_dead_rows_ratio,
        local by = ['instance', 'datname', 'schemaname', 'relname'],
        local dead = q.greatest(m.pg_stat_user_tables_n_dead_tup, by=by),
        local all = q.plus(dead, q.greatest(m.pg_stat_user_tables_n_live_tup, by=by)),
        expr: guard.when(q.above(q.divide(dead, q.above(all, 0)), limit.warning), guard.enough(dead, limit.rows), by=by),
        'for': '1h',
        summary: 'A table has many dead rows that nothing removes.',
        description: 'Of the rows of {{ $labels.schemaname }}.{{ $labels.relname }} in {{ $labels.datname }} of '
                     + '{{ $labels.instance }}, {{ $value | humanizePercentage }} are dead.',
        impact: 'The table and its indexes grow, and every scan of it reads what is of no use.',
        action: 'Look when autovacuum was there last and what holds it back; let it come sooner for this table.',
      }),
      // A pool in front of the database, or one inside an application; both by the name of their database or pool.
      PoolExhausted: alert(database {
        priority: 'P1',
        service: 'pool',
        // A pool is no server.
        dashboard_labels: [],
        local named(of, label) = 'label_replace(%s, "pool", "$1", "%s", "(.*)")' % [of.expr, label],
        local waiting = q.above(m.pgbouncer_pools_client_waiting_connections, limits.pool_waiting.critical),
        local pending = q.above(m.db_client_connection_pending_requests, limits.pool_waiting.critical),
        expr: {
          expr: 'sum by (instance, pool) (\n  %s\n  or %s\n)'
                % [named(waiting, 'database'), named(pending, 'db_client_connection_pool_name')],
        },
        'for': '1m',
        keep_firing_for: '2m',
        summary: 'All connections of a pool are in use, and requests wait.',
        description: 'In the pool {{ $labels.pool }} of {{ $labels.instance }} {{ printf "%.0f" $value }} requests wait for a '
                     + 'connection to the database.',
        impact: 'Requests of customers wait, then fail.',
        action: 'Find the queries that hold connections for long; enlarge the pool only if the database has room.',
      }),
    },
  }
