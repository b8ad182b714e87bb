// For those who run the machines: which host is in trouble, with what, and for how long will its disks last?
function(lib)
  local m = lib.metrics;
  local r = lib.records;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;

  local q = lib.promql.within({ job: '=~$job', instance: '=~$instance', mountpoint: '=~$mountpoint' });
  local host = ['instance'];

  local cpu_used = q.value(r['instance:node_cpu_used:ratio_rate5m']);
  local memory_used = q.value(r['instance:node_memory_used:ratio']);
  local space_used = q.value(r['instance_mountpoint:node_filesystem_used:ratio']);
  local cores = q.count(q.rate(m.node_cpu_seconds_total, { mode: 'idle' }), by=host) {
    legend: '{{instance}} cores',
    help: 'Number of processor cores.',
    dashed: true,
  };
  local load(metric, name) = q.greatest(metric, by=host) { legend: '{{instance}} ' + name };
  local busy = { mode: '!~idle|iowait|steal' };
  // File systems that hold data; memory and read-only images are always full or always empty.
  local disks = { fstype: '!~tmpfs|ramfs|devtmpfs|overlay|squashfs|iso9660|erofs|fuse[.].*' };
  local wires = { device: '!=lo' };
  local waiting(metric, name) = q.greatest(q.rate(metric), by=host) { legend: '{{instance}} ' + name };
  local faults(metric, name) = q.sum(q.rate(metric, wires), by=host) { legend: '{{instance}} ' + name };

  lib.board.page(
    title='Hosts',
    description='Processors, memory, disks and network of every host. The table says which host to look at; the rest says why.',
    folder='Technical',
    tags=['technical', 'hosts'],
    time='now-6h',
    refresh='30s',
    variables=[
      lib.board.variable('job', 'Job', m.node_boot_time_seconds),
      lib.board.variable('instance', 'Host', m.node_boot_time_seconds, { job: '=~$job' }),
      lib.board.variable('mountpoint', 'Mount point', m.node_filesystem_size_bytes, { job: '=~$job', instance: '=~$instance' }),
    ],
    rows=[
      [
        // Which host is in trouble?
        panel.table('Hosts at a glance', by='instance', of=[
          // Every scraped target has `up`; those of this job are hosts.
          q.least(q.value(m.up, { job: lib.config.jobs.node }), by=host) { legend: 'Answers', good: 'high', states: panel.up_or_down },
          q.greatest(q.age(m.node_boot_time_seconds), by=host) {
            legend: 'Up for',
            help: 'Time since the host started.',
            good: 'neither',
          },
          q.greatest(cpu_used, by=host) { legend: 'CPU', good: 'low', limits: limits.host_cpu_ratio },
          q.divide(q.greatest(m.node_load5, by=host), cores) {
            legend: 'Load per core',
            help: 'Processes that run or want to, mean of 5 minutes / cores. Above 1 they wait for each other.',
            good: 'low',
            limits: { warning: 1 },
          },
          q.greatest(memory_used, by=host) { legend: 'Memory', good: 'low', limits: limits.host_memory_ratio },
          q.greatest(space_used, by=host) {
            legend: 'Fullest disk',
            good: 'low',
            limits: limits.host_disk_ratio,
          },
        ], alerts=['HostDown', 'HostCpuHigh', 'HostMemoryHigh', 'HostMemoryCritical', 'HostDiskFull'], link={
          title: 'This host alone',
          url: lib.config.links.grafana + '/d/hosts?${__url_time_range}&var-instance=${__value.raw}',
        }),
      ],

      section('Processors'),
      [
        // Is a host at its limit?
        panel.series('CPU used', cpu_used, good='low', limits=limits.host_cpu_ratio, alerts=['HostCpuHigh'], max=1),
        // What are the processors doing?
        panel.series(
          'CPU by mode',
          q.mean(q.rate(m.node_cpu_seconds_total, { mode: '!=idle' }), by=['mode']),
          good='low',
          description=|||
            Share of CPU time in each mode, mean of the cores of the hosts chosen; what is missing to 100 % was idle. Much iowait
            means waiting for disks, much steal that the hypervisor gave the time to others.
          |||,
          stacked=true,
          colours={ user: 'accent', iowait: 'warn', steal: 'neutral' },
          max=1,
        ),
      ],
      [
        // Is one core busy while the others rest?
        panel.series(
          'CPU by core',
          q.sum(q.rate(m.node_cpu_seconds_total, busy), by=['instance', 'cpu']),
          good='low',
          description='Share of its time that each core worked. One line at the top among low ones is a program with a single thread.',
          max=1,
        ),
        // Do processes queue for the cores?
        panel.series(
          'Load and cores',
          [load(m.node_load1, '1 m'), load(m.node_load5, '5 m'), load(m.node_load15, '15 m'), cores],
          good='low',
          description='Processes that run or want to, mean of 1, 5 and 15 minutes. Above the dashed line, the cores, they queue.',
        ),
        // Does work wait for a resource?
        panel.series(
          'Pressure',
          [
            waiting(m.node_pressure_cpu_waiting_seconds_total, 'CPU'),
            waiting(m.node_pressure_memory_waiting_seconds_total, 'memory'),
            waiting(m.node_pressure_io_waiting_seconds_total, 'disk'),
          ],
          good='low',
          description='Share of time in which at least one process waited for a processor, for memory or for a disk.',
        ),
      ],

      section('Memory'),
      [
        // How close is a host to having none left?
        panel.series(
          'Memory used',
          memory_used,
          good='low',
          limits=limits.host_memory_ratio,
          alerts=['HostMemoryHigh', 'HostMemoryCritical'],
          max=1,
        ),
        // How much is left for new work?
        panel.series(
          'Memory',
          [
            q.minus(q.greatest(m.node_memory_MemTotal_bytes, by=host), q.greatest(m.node_memory_MemAvailable_bytes, by=host)) {
              legend: '{{instance}} used',
            },
            q.greatest(m.node_memory_MemAvailable_bytes, by=host) { legend: '{{instance}} available' },
            q.greatest(m.node_memory_MemTotal_bytes, by=host) { legend: '{{instance}} total', dashed: true },
          ],
          good='neither',
          description='Available is what a new process could have without swapping, caches included; used is total - available.',
        ),
        // Is memory being moved to disk?
        panel.series(
          'Swap used',
          q.minus(q.greatest(m.node_memory_SwapTotal_bytes, by=host), q.greatest(m.node_memory_SwapFree_bytes, by=host)),
          good='low',
          description='Swap in use: total - free. A host without swap shows 0.',
        ),
      ],

      section('Disks'),
      [
        // Which file system is full?
        panel.bars(
          'Space used',
          space_used,
          good='low',
          limits=limits.host_disk_ratio,
          alerts=['HostDiskFull'],
          max=1,
        ),
        // Does it grow, or does it saw up and down?
        panel.series(
          'Space used over time',
          space_used,
          good='low',
          limits=limits.host_disk_ratio,
          alerts=['HostDiskFull'],
          max=1,
        ),
        // How long have we got?
        panel.bars(
          'Time until full',
          q.between(
            q.divide(q.rest(space_used), q.between(q.slope(r['instance_mountpoint:node_filesystem_used:ratio'], over='6h'), '1e-9', 1), unit='seconds'), 0, 365 * 86400
          ),
          good='high',
          description=|||
            Share of space left / growth per second, a straight line through the last six hours. A year is the most that is
            shown, and what a file system shows that does not grow.
          |||,
          limits={ warning: limits.host_disk_forecast.horizon_seconds },
          alerts=['HostDiskFillingUp'],
        ),
      ],
      [
        // How much is read and written?
        panel.series(
          'Disk throughput',
          [
            q.sum(q.rate(m.node_disk_read_bytes_total), by=['instance', 'device']) { legend: '{{instance}} {{device}} read' },
            q.sum(q.rate(m.node_disk_written_bytes_total), by=['instance', 'device']) { legend: '{{instance}} {{device}} written' },
          ],
          good='neither',
        ),
        // Is a disk the bottleneck?
        panel.series(
          'Disk busy',
          q.sum(q.rate(m.node_disk_io_time_seconds_total), by=['instance', 'device']),
          good='low',
          description='Share of time in which the disk had work. Near 100 % requests queue, on disks that do one thing at a time.',
          max=1,
        ),
        // Can files still be created?
        panel.series(
          'Inodes used',
          q.rest(q.divide(
            q.least(q.value(m.node_filesystem_files_free, disks), by=['instance', 'mountpoint']),
            q.least(q.value(m.node_filesystem_files, disks), by=['instance', 'mountpoint'])
          )),
          good='low',
          description='1 - free inodes / all inodes. At 100 % no file can be created, however much space is left.',
          max=1,
        ),
      ],

      section('Network'),
      [
        // How much comes and goes?
        panel.series(
          'Network throughput',
          [
            q.sum(q.rate(m.node_network_receive_bytes_total, wires), by=['instance', 'device']) {
              legend: '{{instance}} {{device}} received',
            },
            q.sum(q.rate(m.node_network_transmit_bytes_total, wires), by=['instance', 'device']) {
              legend: '{{instance}} {{device}} sent',
            },
          ],
          good='neither',
        ),
        // Is anything lost on the way?
        panel.series(
          'Network errors and drops',
          [
            faults(m.node_network_receive_errs_total, 'receive errors'),
            faults(m.node_network_transmit_errs_total, 'send errors'),
            faults(m.node_network_receive_drop_total, 'received and dropped'),
            faults(m.node_network_transmit_drop_total, 'dropped before sending'),
          ],
          good='low',
          description='Packets that the host could not receive or send, and packets that it dropped, per second. 0 is usual.',
        ),
      ],
    ],
  )
