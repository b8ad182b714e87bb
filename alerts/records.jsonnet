// Recording rules: what several panels or alerts compute from raw series. Names are level:metric:operation, where level is
// the labels that are left. Panels and alerts name them through lib.records.
function(lib)
  local m = lib.metrics;
  local q = lib.promql;
  local hosts = { job: lib.config.jobs.node };
  // File systems that are memory, or images that are always full.
  local disks = hosts { fstype: '!~tmpfs|ramfs|devtmpfs|overlay|squashfs|iso9660|erofs|fuse[.].*' };
  local mount = ['instance', 'mountpoint'];
  local attempts(where={}) = q.sum(q.increase(m.payment_attempts_total, where, over='5m'), by=['source']);
  local failed = attempts({ outcome: 'failed' });
  local hits = q.sum(q.rate(m.pg_stat_database_blks_hit, over='5m'), by=['instance']);
  local reads = q.sum(q.rate(m.pg_stat_database_blks_read, over='5m'), by=['instance']);
  {
    records: {
      // Waiting for a disk and time taken by other guests are not work of this machine.
      'instance:node_cpu_used:ratio_rate5m': lib.rule.record({
        local idle = q.rate(m.node_cpu_seconds_total, hosts { mode: '=~idle|iowait|steal' }, over='5m'),
        expr: q.rest(q.mean(q.sum(idle, by=['instance', 'cpu']), by=['instance'])),
        help: 'Share of CPU time spent working, over five minutes, mean of all cores.',
        unit: 'ratio',
        labels: ['instance'],
      }),
      'instance:node_memory_used:ratio': lib.rule.record({
        local bytes(metric) = q.sum(q.value(metric, hosts), by=['instance']),
        expr: q.rest(q.divide(bytes(m.node_memory_MemAvailable_bytes), bytes(m.node_memory_MemTotal_bytes))),
        help: 'Share of memory that a new process could not have.',
        unit: 'ratio',
        labels: ['instance'],
      }),
      // As df counts: what is reserved for root is neither used nor to be had. Of what lies mounted in one place, the fullest.
      'instance_mountpoint:node_filesystem_used:ratio': lib.rule.record({
        local available = q.value(m.node_filesystem_avail_bytes, disks),
        local used = q.minus(q.value(m.node_filesystem_size_bytes, disks), q.value(m.node_filesystem_free_bytes, disks)),
        expr: q.rest(q.least(q.divide(available, q.above(q.plus(used, available), 0)), by=mount)),
        help: 'Share of a file system that is used, as df shows it: of what ordinary users have or could have.',
        unit: 'ratio',
        labels: mount,
      }),
      // File systems that make inodes as they need them say that they have none.
      'instance_mountpoint:node_filesystem_inodes_used:ratio': lib.rule.record({
        local all = q.above(q.value(m.node_filesystem_files, disks), 0),
        expr: q.rest(q.least(q.divide(q.value(m.node_filesystem_files_free, disks), all), by=mount)),
        help: 'Share of the inodes of a file system that are used: one for each file, however small.',
        unit: 'ratio',
        labels: mount,
      }),
      'instance:pg_connections:ratio': lib.rule.record({
        expr: q.divide(q.sum(m.pg_stat_activity_count, by=['instance']), q.greatest(m.pg_settings_max_connections, by=['instance'])),
        help: 'Connections in use, as a share of max_connections.',
        unit: 'ratio',
        labels: ['instance'],
      }),
      'instance:pg_cache_hits:ratio_rate5m': lib.rule.record({
        expr: q.divide(hits, q.above(q.plus(hits, reads), 0)),
        help: 'Share of block reads that PostgreSQL answered from its own buffers, over five minutes.',
        unit: 'ratio',
        labels: ['instance'],
      }),
      'source:payment_attempts:increase5m': lib.rule.record({
        expr: attempts(),
        help: 'Payment attempts in five minutes, whatever their outcome and currency.',
        unit: '',
        labels: ['source'],
      }),
      'source:payment_failures:increase5m': lib.rule.record({
        expr: failed,
        help: 'Payment attempts that failed in five minutes.',
        unit: '',
        labels: ['source'],
      }),
      'source:payment_failures:ratio_rate5m': lib.rule.record({
        expr: q.divide(failed, q.above(attempts(), 0)),
        help: 'Share of payment attempts that failed, over five minutes; absent when nobody paid.',
        unit: 'ratio',
        labels: ['source'],
      }),
    },
  }
