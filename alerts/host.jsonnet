// Hosts: are they there, and have they room to work?
function(lib)
  local alert = lib.rule.alert;
  local m = lib.metrics;
  local q = lib.promql;
  local r = lib.records;
  local guard = (import 'lib/guard.libsonnet')(lib);
  local limits = lib.limits;
  local host = { domain: 'host', service: 'host', dashboard: 'hosts' };
  local memory = host { labels: { symptom: 'memory' } };
  local hosts = { job: lib.config.jobs.node };
  local file_system = host { dashboard_labels: ['instance', 'mountpoint'] };
  {
    limits: {
      host_inodes_ratio: { warning: 0.90 },
      host_files_ratio: { warning: 0.80 },
      // `unknown`: how wrong the kernel thinks that its clock may be, at most, once no server has been heard for hours.
      host_clock_seconds: { warning: 0.05, unknown: 16 },
    },
    alerts: {
      // One failed scrape may be a lost packet; 30s means that three in a row failed.
      HostDown: alert(host {
        priority: 'P0',
        expr: lib.rule.is(q.value(m.up, hosts), 0),
        'for': '30s',
        summary: 'A host does not answer.',
        description: 'Prometheus cannot scrape {{ $labels.instance }}: the host, its network or the exporter on it is down.',
        impact: 'What runs on the host is probably down with it, and nothing about it is measured.',
        action: 'Reach the host by SSH or its console; if it answers, start the exporter, else start the host.',
      }),
      HostMemoryHigh: alert(memory {
        priority: 'P2',
        expr: q.above(r['instance:node_memory_used:ratio'], limits.host_memory_ratio.warning),
        'for': '10m',
        keep_firing_for: '5m',
        summary: 'A host runs short of memory.',
        description: '{{ $labels.instance }} uses {{ $value | humanizePercentage }} of its memory.',
        impact: 'Nothing yet; growth will slow the host down and then end processes.',
        action: 'Find the process that grew, and restart it or give it less to do.',
      }),
      HostMemoryCritical: alert(memory {
        priority: 'P1',
        expr: q.above(r['instance:node_memory_used:ratio'], limits.host_memory_ratio.critical),
        'for': '5m',
        keep_firing_for: '5m',
        summary: 'A host is about to run out of memory.',
        description: '{{ $labels.instance }} uses {{ $value | humanizePercentage }} of its memory.',
        impact: 'The kernel may end any process on the host, the database among them.',
        action: 'Free memory now: restart the process that grew, or move work to another host.',
      }),
      HostCpuHigh: alert(host {
        priority: 'P2',
        expr: q.above(r['instance:node_cpu_used:ratio_rate5m'], limits.host_cpu_ratio.warning),
        'for': '10m',
        keep_firing_for: '5m',
        summary: "A host's processors are busy all the time.",
        description: "{{ $labels.instance }} has used {{ $value | humanizePercentage }} of its processors' time.",
        impact: 'Everything on the host answers more slowly.',
        action: 'Find the process that is busy; decide whether it is work or a loop.',
      }),
      HostDiskFull: alert(file_system {
        priority: 'P2',
        expr: q.above(r['instance_mountpoint:node_filesystem_used:ratio'], limits.host_disk_ratio.warning),
        'for': '5m',
        summary: 'A file system is almost full.',
        description: '{{ $labels.mountpoint }} on {{ $labels.instance }} is {{ $value | humanizePercentage }} full.',
        impact: 'When it is full, writes fail: the database stops, logs and uploads are lost.',
        action: 'Delete what can be made again (old logs, images, temporary files), then enlarge the disk.',
      }),
      // A forecast alone would cry at every sawtooth of log rotation; so the disk must be fairly full as well.
      HostDiskFillingUp: alert(file_system {
        priority: 'P2',
        local used = r['instance_mountpoint:node_filesystem_used:ratio'],
        local forecast = limits.host_disk_forecast,
        expr: guard.when(
          q.above(used, forecast.minimum_ratio),
          q.above(q.foreseen(used, forecast.horizon_seconds, over='6h'), 1),
          by=['instance', 'mountpoint']
        ),
        'for': '1h',
        summary: 'A file system will soon be full if it goes on as it did.',
        description: '{{ $labels.mountpoint }} on {{ $labels.instance }} is {{ $value | humanizePercentage }} full and, if it grows '
                     + 'as in the last six hours, has no room left within %s.' % lib.rule.span(limits.host_disk_forecast.horizon_seconds),
        impact: 'Nothing yet; when it is full, writes fail.',
        action: 'Find what grows and stop it, or enlarge the disk before it is full.',
      }),
      HostInodesFull: alert(file_system {
        priority: 'P2',
        expr: q.above(r['instance_mountpoint:node_filesystem_inodes_used:ratio'], limits.host_inodes_ratio.warning),
        'for': '5m',
        summary: 'A file system has room for few more files, however small.',
        description: '{{ $labels.mountpoint }} on {{ $labels.instance }} uses {{ $value | humanizePercentage }} of its inodes.',
        impact: 'When none is left, no file can be made: writes fail although `df` shows free space.',
        action: 'Find the directory with millions of small files (sessions, caches, mail) and delete what is old.',
      }),
      HostOutOfMemoryKill: alert(host {
        priority: 'P2',
        labels: { symptom: 'memory' },
        expr: q.above(q.sum(q.increase(m.node_vmstat_oom_kill, hosts, over='10m'), by=['instance']), 0),
        summary: 'The kernel of a host ended processes because memory ran out.',
        description: 'On {{ $labels.instance }} the kernel killed {{ printf "%.0f" $value }} processes for want of memory within '
                     + 'ten minutes.',
        impact: 'Whatever was killed stopped in the middle of its work, and may be missing now.',
        action: 'See in `journalctl -k` which process was killed, whether it runs again, and what took the memory.',
      }),
      // Not synchronised alone says little: machines whose clock the hypervisor keeps never are. So it must have drifted as well.
      HostClockWrong: alert(host {
        priority: 'P2',
        local offset = q.value(m.node_timex_offset_seconds, hosts),
        local unheard = guard.when(
          q.value(m.node_timex_maxerror_seconds, hosts),
          lib.rule.is(q.value(m.node_timex_sync_status, hosts), 0),
          by=['instance']
        ),
        expr: q.otherwise(
          q.above(offset { expr: 'abs(%s)' % super.expr }, limits.host_clock_seconds.warning),
          guard.enough(unheard, limits.host_clock_seconds.unknown)
        ),
        'for': '5m',
        summary: 'The clock of a host is wrong.',
        description: 'The clock of {{ $labels.instance }} is up to {{ $value | humanizeDuration }} wrong.',
        impact: 'One-time codes and signed requests are refused, and times in logs and figures do not fit together.',
        action: 'Look whether the time service runs (`chronyc tracking`, `timedatectl`) and reaches its servers.',
      }),
      HostFilesExhausted: alert(host {
        priority: 'P2',
        local files(metric) = q.greatest(q.value(metric, hosts), by=['instance']),
        expr: q.above(q.divide(files(m.node_filefd_allocated), files(m.node_filefd_maximum)), limits.host_files_ratio.warning),
        'for': '5m',
        summary: 'A host can open few more files.',
        description: '{{ $labels.instance }} has {{ $value | humanizePercentage }} of the files open that it may have.',
        impact: 'At the limit no process can open a file or take a connection.',
        action: 'Find the process that holds most of them, which as a rule forgets to close them, and restart it.',
      }),
      // Down for longer than the window, it was told of by HostDown.
      HostRebooted: alert(host {
        priority: 'P3',
        local started = q.value(m.node_boot_time_seconds, hosts),
        local before = q.least_over(m.node_boot_time_seconds, hosts, over='15m'),
        expr: q.above(q.minus(started, before), 60),
        summary: 'A host was started again.',
        description: '{{ $labels.instance }} was started again; its last start was {{ $value | humanizeDuration }} before.',
        impact: 'What ran on it was interrupted; what does not start by itself is missing now.',
        action: 'Ask who did it; if nobody, look in `journalctl -b -1 -e` for what happened last.',
      }),
    },
  }
