// Hosts: are they there, and have they room to work?
function(lib)
  local alert = lib.rule.alert;
  local m = lib.metrics;
  local r = lib.records;
  local limits = lib.limits;
  local host = { domain: 'host', service: 'host', dashboard: 'hosts' };
  local memory = host { labels: { symptom: 'memory' } };
  local hosts = 'job="%s"' % lib.config.jobs.node;
  local file_system = host { dashboard_labels: ['instance', 'mountpoint'] };
  {
    alerts: {
      // One failed scrape may be a lost packet; 30s means that three in a row failed.
      HostDown: alert(host {
        priority: 'P0',
        expr: '%s{%s} == 0' % [m.up.name, hosts],
        'for': '30s',
        summary: 'A host does not answer.',
        description: 'Prometheus cannot scrape {{ $labels.instance }}: the host, its network or the exporter on it is down.',
        impact: 'What runs on the host is probably down with it, and nothing about it is measured.',
        action: 'Reach the host by SSH or its console; if it answers, start the exporter, else start the host.',
      }),
      HostMemoryHigh: alert(memory {
        priority: 'P2',
        expr: '%s > %g' % [r['instance:node_memory_used:ratio'].name, limits.host_memory_ratio.warning],
        'for': '10m',
        keep_firing_for: '5m',
        summary: 'A host runs short of memory.',
        description: '{{ $labels.instance }} uses {{ $value | humanizePercentage }} of its memory.',
        impact: 'Nothing yet; growth will slow the host down and then end processes.',
        action: 'Find the process that grew, and restart it or give it less to do.',
      }),
      HostMemoryCritical: alert(memory {
        priority: 'P1',
        expr: '%s > %g' % [r['instance:node_memory_used:ratio'].name, limits.host_memory_ratio.critical],
        'for': '5m',
        keep_firing_for: '5m',
        summary: 'A host is about to run out of memory.',
        description: '{{ $labels.instance }} uses {{ $value | humanizePercentage }} of its memory.',
        impact: 'The kernel may end any process on the host, the database among them.',
        action: 'Free memory now: restart the process that grew, or move work to another host.',
      }),
      HostCpuHigh: alert(host {
        priority: 'P2',
        expr: '%s > %g' % [r['instance:node_cpu_used:ratio_rate5m'].name, limits.host_cpu_ratio.warning],
        'for': '10m',
        keep_firing_for: '5m',
        summary: "A host's processors are busy all the time.",
        description: "{{ $labels.instance }} has used {{ $value | humanizePercentage }} of its processors' time.",
        impact: 'Everything on the host answers more slowly.',
        action: 'Find the process that is busy; decide whether it is work or a loop.',
      }),
      HostDiskFull: alert(file_system {
        priority: 'P2',
        expr: '%s > %g' % [r['instance_mountpoint:node_filesystem_used:ratio'].name, limits.host_disk_ratio.warning],
        'for': '5m',
        summary: 'A file system is almost full.',
        description: '{{ $labels.mountpoint }} on {{ $labels.instance }} is {{ $value | humanizePercentage }} full.',
        impact: 'When it is full, writes fail: the database stops, logs and uploads are lost.',
        action: 'Delete what can be made again (old logs, images, temporary files), then enlarge the disk.',
      }),
      // A forecast alone would cry at every sawtooth of log rotation; so the disk must be fairly full as well.
      HostDiskFillingUp: alert(file_system {
        priority: 'P2',
        expr: |||
          %(used)s > %(minimum_ratio)g
          and on (instance, mountpoint)
          max by (instance, mountpoint) (predict_linear(%(used)s[6h], %(horizon_seconds)d)) > 1
        ||| % (limits.host_disk_forecast { used: r['instance_mountpoint:node_filesystem_used:ratio'].name }),
        'for': '1h',
        summary: 'A file system will soon be full if it goes on as it did.',
        description: '{{ $labels.mountpoint }} on {{ $labels.instance }} is {{ $value | humanizePercentage }} full and, if it grows '
                     + 'as in the last six hours, has no room left within %s.' % lib.rule.span(limits.host_disk_forecast.horizon_seconds),
        impact: 'Nothing yet; when it is full, writes fail.',
        action: 'Find what grows and stop it, or enlarge the disk before it is full.',
      }),
    },
  }
