// For those who run the machines: which host or container is in trouble, with what, and for how long will disks last?
function(lib)
  local m = lib.metrics;
  local r = lib.records;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;
  local limit(name) = limits[name];

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

  // Not by host: what tells of containers may run at another address than what tells of the host.
  local c = lib.promql.within({ name: '=~$container' });
  local container = ['name'];
  local health = {
    '1': { text: 'Healthy', color: (import 'lib/colour.libsonnet').ok, index: 0 },
    '0': { text: 'Unhealthy or starting', color: (import 'lib/colour.libsonnet').bad, index: 1 },
    '-1': { text: 'Not checked', color: (import 'lib/colour.libsonnet').neutral, index: 2 },
  };
  local of_limit =
    c.divide(
      c.greatest(m.container_memory_working_set_bytes, by=container),
      c.above(c.greatest(m.container_spec_memory_limit_bytes, by=container), 0),
    ) { help: 'Memory in use that the kernel could not take back / the limit, of containers that have one.' };

  lib.board.page(
    title='Hosts',
    description='Processors, memory, disks, network and containers of every host. The table says which host to look at; the rest says why.',
    down=['capacity', 'database'],
    folder='Technical',
    tags=['technical', 'hosts'],
    time='now-6h',
    refresh='30s',
    variables=[
      lib.board.variable('job', 'Job', m.node_boot_time_seconds),
      lib.board.variable('instance', 'Host', m.node_boot_time_seconds, { job: '=~$job' }),
      lib.board.variable('mountpoint', 'Mount point', m.node_filesystem_size_bytes, { job: '=~$job', instance: '=~$instance' }),
      lib.board.variable('name', 'Container', m.container_last_seen, name='container'),
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

      section('Processors and memory'),
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
            q.minus(q.greatest(m.node_memory_SwapTotal_bytes, by=host), q.greatest(m.node_memory_SwapFree_bytes, by=host)) {
              legend: '{{instance}} swap used',
            },
          ],
          good='neither',
          description=|||
            Available is what a new process could have without swapping, caches included; used is total - available. Swap used is
            memory that was moved to a disk: little, or what slows a host down.
          |||,
        ),
        // Was a process sacrificed?
        panel.series(
          'Processes killed for want of memory',
          q.between(q.greatest(q.change(m.node_vmstat_oom_kill, over='1h'), by=host), 0, 1e9),
          good='low',
          description='Processes that the kernel ended within an hour because memory had run out. 0 is usual.',
          alerts=['HostOutOfMemoryKill'],
        ),
      ],

      section('Disks'),
      [
        // Which file system is full, and does it grow or saw up and down?
        panel.series(
          'Space used',
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
            q.sum(q.rate(m.node_disk_read_bytes_total), by=host) { legend: '{{instance}} read' },
            q.sum(q.rate(m.node_disk_written_bytes_total), by=host) { legend: '{{instance}} written' },
          ],
          good='neither',
          description='Bytes per second that the disks of a host read and wrote.',
        ),
        // In how many pieces?
        panel.series(
          'Disk operations',
          [
            q.sum(q.rate(m.node_disk_reads_completed_total), by=host) { legend: '{{instance}} reads' },
            q.sum(q.rate(m.node_disk_writes_completed_total), by=host) { legend: '{{instance}} writes' },
          ],
          good='neither',
          description='Reads and writes per second that the disks of a host completed. Many small ones tire a disk as few large ones do not.',
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
          limits=limit('host_inodes_ratio'),
          alerts=['HostInodesFull'],
          max=1,
        ),
      ],

      section('Network'),
      [
        // How much comes and goes?
        panel.series(
          'Network throughput',
          [
            q.sum(q.rate(m.node_network_receive_bytes_total, wires), by=host) { legend: '{{instance}} received' },
            q.sum(q.rate(m.node_network_transmit_bytes_total, wires), by=host) { legend: '{{instance}} sent' },
          ],
          good='neither',
          description='Bytes per second over all interfaces of a host but the one to itself.',
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
        // How far away are the others?
        panel.series(
          'Round trip to peers',
          lib.promql.value(m.probe_icmp_duration_seconds, { phase: 'rtt' }) { legend: '{{instance}}' },
          good='low',
          description='Time that a packet takes to each host that is probed by ICMP, and back, whichever hosts are chosen above.',
          limits=limit('network_round_trip_seconds'),
          alerts=['NetworkLatencyHigh'],
        ),
        // Do connections pile up?
        panel.series(
          'TCP connections by state',
          q.sum(q.value(m.node_tcp_connection_states, { state: '!~.*_queued_bytes' }), by=['state']),
          good='neither',
          stacked=true,
        ),
      ],

      section('The host itself', folded=true),
      [
        // Has it been started anew?
        panel.series('Up for', q.greatest(q.age(m.node_boot_time_seconds), by=host), good='neither', description='Time since the host started; a fall to 0 is a restart.', alerts=['HostRebooted']),
        // Is its clock right?
        panel.series(
          'Clock off by',
          q.greatest(m.node_timex_offset_seconds, by=host),
          good='neither',
          description='How far the clock is from that of its server. Near 0 is good; beyond a few hundredths of a second logs and tokens disagree.',
          limits=limit('host_clock_seconds'),
          alerts=['HostClockWrong'],
        ),
        // Do programs run out of files?
        panel.series(
          'Open files',
          q.divide(q.greatest(m.node_filefd_allocated, by=host), q.greatest(m.node_filefd_maximum, by=host)),
          good='low',
          description='Files open on the whole host / the most that may be.',
          limits=limit('host_files_ratio'),
          alerts=['HostFilesExhausted'],
        ),
      ],
      [
        // How much runs at once?
        panel.series(
          'Tasks',
          [load(m.node_procs_running, 'ready to run'), load(m.node_procs_blocked, 'waiting for a disk')],
          good='low',
          description='Tasks that run or could, and tasks that wait for a disk or the like.',
        ),
        // Are they many small ones?
        panel.series(
          'Network packets',
          [
            q.sum(q.rate(m.node_network_receive_packets_total, wires), by=host) { legend: '{{instance}} received' },
            q.sum(q.rate(m.node_network_transmit_packets_total, wires), by=host) { legend: '{{instance}} sent' },
          ],
          good='neither',
          description='Packets per second over all interfaces of a host but the one to itself.',
        ),
      ],

      section('Containers'),
      [
        // Which container is in trouble?
        panel.table('Containers at a glance', by='name', of=[
          c.greatest(c.value(m.container_state, { state: 'running' }), by=container) {
            legend: 'Runs',
            help: 'Whether the container is in the state running.',
            good: 'high',
            states: panel.yes_or_no,
          },
          c.least(m.container_health_state, by=container) { legend: 'Healthy', good: 'high', states: health },
          c.sum(c.rate(m.container_cpu_usage_seconds_total), by=container) {
            legend: 'CPU',
            help: 'Processors that the container keeps busy: 1 is one core.',
            good: 'low',
            unit: '',
            decimals: 2,
          },
          c.greatest(m.container_memory_working_set_bytes, by=container) { legend: 'Memory', good: 'low' },
          of_limit { legend: 'Memory of its limit', good: 'low', limits: limit('container_memory_ratio') },
          c.sum(c.increase(m.container_restarts_total, over='1h'), by=container) {
            legend: 'Restarts, 1 h',
            good: 'low',
            limits: { warning: 1 },
          },
        ], alerts=['ContainerUnhealthy', 'ContainerMemoryNearLimit', 'ContainerRestarting']),
        // Does one go round in circles, or die of hunger?
        panel.series(
          'Restarts and kills',
          [
            c.sum(c.increase(m.container_restarts_total, over='15m'), by=container) { legend: '{{name}} restarted' },
            c.sum(c.increase(m.container_oom_events_total, over='15m'), by=container) { legend: '{{name}} killed for memory' },
          ],
          good='low',
          description='In a quarter of an hour: restarts by the engine, and processes killed for want of memory. 0 is usual.',
          alerts=['ContainerRestarting', 'ContainerOutOfMemoryKill'],
        ),
      ],

      section('Containers over time', folded=true),
      [
        panel.series(
          'CPU of containers',
          c.sum(c.rate(m.container_cpu_usage_seconds_total), by=container) { unit: '' },
          good='neither',
          description='Processors that each container keeps busy: 1 is one core.',
        ),
        panel.series('Memory of containers against the limit', of_limit, good='low', limits=limit('container_memory_ratio'), alerts=['ContainerMemoryNearLimit'], max=1),
        panel.series(
          'Network of containers',
          [
            c.sum(c.rate(m.container_network_receive_bytes_total), by=container) { legend: '{{name}} received' },
            c.sum(c.rate(m.container_network_transmit_bytes_total), by=container) { legend: '{{name}} sent' },
          ],
          good='neither',
        ),
      ],
    ],
  )
