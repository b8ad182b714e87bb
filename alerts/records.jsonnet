// Recording rules: what several panels or alerts compute from raw series. Names are level:metric:operation, where level is
// the labels that are left. Panels and alerts name them through lib.records.
function(lib)
  local m = lib.metrics;
  local host = 'job="%s"' % lib.config.jobs.node;
  // File systems that are memory, or images that are always full.
  local disks = host + ', fstype!~"tmpfs|ramfs|devtmpfs|overlay|squashfs|iso9660|erofs|fuse[.].*"';
  local attempts = 'sum by (source) (increase(%s[5m]))' % m.payment_attempts_total.name;
  local failed = 'sum by (source) (increase(%s{outcome="failed"}[5m]))' % m.payment_attempts_total.name;
  local hits = 'sum by (instance) (rate(%s[5m]))' % m.pg_stat_database_blks_hit.name;
  local reads = 'sum by (instance) (rate(%s[5m]))' % m.pg_stat_database_blks_read.name;
  local mrr = 'sum by (source, currency) (%s)' % m.saas_mrr.name;
  {
    records: {
      // The same figure of several sources, such as the own database and Stripe, has to be the same.
      'currency:saas_mrr_between_sources:difference': lib.rule.record({
        expr: |||
          max by (currency) (%s)
          - min by (currency) (%s)
        ||| % [mrr, mrr],
        help: 'Monthly recurring revenue of the source that tells most, less that of the source that tells least; 0 where they agree.',
        unit: 'currency',
        labels: ['currency'],
      }),
      // Waiting for a disk and time taken by other guests are not work of this machine.
      'instance:node_cpu_used:ratio_rate5m': lib.rule.record({
        expr: |||
          1 - avg by (instance) (
            sum by (instance, cpu) (rate(%s{%s, mode=~"idle|iowait|steal"}[5m]))
          )
        ||| % [m.node_cpu_seconds_total.name, host],
        help: 'Share of CPU time spent working, over five minutes, mean of all cores.',
        unit: 'ratio',
        labels: ['instance'],
      }),
      'instance:node_memory_used:ratio': lib.rule.record({
        expr: |||
          1 -
            sum by (instance) (%s{%s})
            / sum by (instance) (%s{%s})
        ||| % [m.node_memory_MemAvailable_bytes.name, host, m.node_memory_MemTotal_bytes.name, host],
        help: 'Share of memory that a new process could not have.',
        unit: 'ratio',
        labels: ['instance'],
      }),
      // As df counts: what is reserved for root is neither used nor to be had. Of what lies mounted in one place, the fullest.
      'instance_mountpoint:node_filesystem_used:ratio': lib.rule.record({
        expr: |||
          1 - min by (instance, mountpoint) (
            %(available)s
            / (%(size)s - %(free)s + %(available)s > 0)
          )
        ||| % {
          available: '%s{%s}' % [m.node_filesystem_avail_bytes.name, disks],
          size: '%s{%s}' % [m.node_filesystem_size_bytes.name, disks],
          free: '%s{%s}' % [m.node_filesystem_free_bytes.name, disks],
        },
        help: 'Share of a file system that is used, as df shows it: of what ordinary users have or could have.',
        unit: 'ratio',
        labels: ['instance', 'mountpoint'],
      }),
      'instance:pg_connections:ratio': lib.rule.record({
        expr: 'sum by (instance) (%s) / max by (instance) (%s)'
              % [m.pg_stat_activity_count.name, m.pg_settings_max_connections.name],
        help: 'Connections in use, as a share of max_connections.',
        unit: 'ratio',
        labels: ['instance'],
      }),
      'instance:pg_cache_hits:ratio_rate5m': lib.rule.record({
        expr: |||
          %s
          / (
            %s
            + %s > 0
          )
        ||| % [hits, hits, reads],
        help: 'Share of block reads that PostgreSQL answered from its own buffers, over five minutes.',
        unit: 'ratio',
        labels: ['instance'],
      }),
      'source:payment_attempts:increase5m': lib.rule.record({
        expr: attempts,
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
        expr: |||
          %s
          / (%s > 0)
        ||| % [failed, attempts],
        help: 'Share of payment attempts that failed, over five minutes; absent when nobody paid.',
        unit: 'ratio',
        labels: ['source'],
      }),
    },
  }
