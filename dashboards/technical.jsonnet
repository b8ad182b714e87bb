// For engineers: hosts, containers, database, application and security events on one screen; the pages below say more.
function(lib)
  local m = lib.metrics;
  local r = lib.records;
  local q = lib.promql;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;
  local limit(name) = limits[name];

  local requests = m.http_server_request_duration_seconds;
  local container = ['name'];
  local pool = ['source', 'db_client_connection_pool_name'];
  local lookups(where={}) = q.sum(q.rate(m.cache_requests_total, where), by=['cache']);
  local jobs(where={}) = q.sum(q.increase(m.job_runs_total, where, over='15m'), by=['queue']);
  local urgent = { severity: '=~critical|high' };

  lib.board.page(
    title='Technical',
    description='Hosts, containers, database, API and security events on one screen, with the pages that say more linked at the top.',
    folder='Technical',
    tags=['technical', 'overview'],
    time='now-3h',
    refresh='30s',
    down=['hosts', 'database', 'operations', 'errors', 'security', 'slos', 'exporter'],
    rows=[
      [
        // Where is the trouble?
        panel.strip('Machines now', [
          q.value(r['capacity:health:score']) { legend: 'Health', good: 'high', limits: limits.health_score, decimals: 0 },
          q.least(q.value(m.up, { job: lib.config.jobs.node })) { legend: 'Hosts', good: 'high', states: panel.up_or_down },
          q.or_zero(q.count(q.above(q.value(m.container_state, { state: '=~exited|dead|restarting' }), 0))) {
            legend: 'Containers off',
            help: 'Containers that exited, died or are being restarted.',
            good: 'low',
            limits: { warning: 1 },
          },
          q.least(m.pg_up) { legend: 'Database', good: 'high', states: panel.up_or_down },
        ]) { width: 13 },
        panel.strip('Service now', [
          q.greatest(q.value(m.up, { job: lib.config.jobs.app })) {
            legend: 'Application',
            help: 'Whether any instance of the application answers Prometheus.',
            good: 'high',
            states: panel.up_or_down,
          },
          q.quantile(0.95, requests) { legend: 'API, p95', good: 'low', limits: limit('api_latency_seconds') },
          q.least(m.probe_success) { legend: 'Websites', good: 'high', states: panel.up_or_down },
          q.or_zero(q.sum(q.value(m.security_events_open, urgent))) {
            legend: 'Findings',
            help: 'Findings of severity high and critical that are not dealt with.',
            good: 'low',
            limits: { critical: 1 },
          },
        ], alerts=['ApplicationDown']) { width: 11 },
      ],
      [
        panel.series('CPU of hosts', r['instance:node_cpu_used:ratio_rate5m'], good='low', limits=limits.host_cpu_ratio, max=1),
        panel.series('Memory of hosts', r['instance:node_memory_used:ratio'], good='low', limits=limits.host_memory_ratio, max=1),
        panel.bars('Fullest disks', q.top(8, r['instance_mountpoint:node_filesystem_used:ratio']), good='low', limits=limits.host_disk_ratio, max=1),
      ],

      section('Application'),
      [
        panel.series(
          'API response times',
          [q.quantile(0.5, requests) { legend: 'half' }, q.quantile(0.95, requests) { legend: '95 in 100' }],
          good='low',
          description='What that share of the requests took at most.',
          limits=limit('api_latency_seconds'),
        ),
        panel.series(
          'API requests by status',
          q.sum(q.observed(requests), by=['http_response_status_code']),
          good='neither',
          description='Requests per second by the status of the answer. From 500 on the application is at fault.',
          stacked=true,
        ),
        panel.heatmap(
          'API response times, all',
          q.buckets(requests),
          unit='seconds',
          good='low',
          description='How many requests took how long. A second band above the first is a slow path that an average would hide.',
        ),
      ],

      [
        // Does the cache spare the database?
        panel.series(
          'Cache hits of the application',
          q.divide(lookups({ result: 'hit' }), q.above(lookups(), 0)),
          good='high',
          description='Look-ups that the cache of the application answered / all look-ups, by cache.',
          max=1,
        ),
        // Do background jobs keep up, and work?
        panel.series('Jobs that wait', q.sum(m.job_queue_length, by=['queue']), good='low'),
        panel.series(
          'Jobs that fail',
          q.divide(
            q.otherwise(jobs({ outcome: 'failed' }), q.times(jobs(), 0)), q.above(jobs(), 0)
          ),
          good='low',
          description='Background jobs that failed / all that ended within a quarter of an hour, by queue.',
          limits=limits.job_failure_ratio,
          alerts=['JobsFail'],
        ),
      ],

      section('Containers'),
      [
        panel.series('Containers by state', q.sum(m.container_state, by=['state']), good='neither', stacked=true),
        panel.series(
          'CPU of containers',
          q.top(10, q.sum(q.rate(m.container_cpu_usage_seconds_total), by=container) { unit: '' }),
          good='neither',
          description='Processors that each container keeps busy: 1 is one core.',
        ),
        panel.series('Memory of containers', q.top(10, q.greatest(m.container_memory_working_set_bytes, by=container)), good='neither'),
      ],

      section('Database and pools'),
      [
        panel.series('Connections', r['instance:pg_connections:ratio'], good='low', limits=limit('database_connections_ratio'), max=1),
        panel.series('Slowest statement, p95', q.greatest(m.pg_stat_statements_p95_exec_seconds, by=['instance']), good='low', limits=limit('database_query_seconds')),
        // Do applications get a connection when they want one?
        panel.series(
          'Pools of applications',
          [
            q.sum(q.value(m.db_client_connection_count, { db_client_connection_state: 'used' }), by=pool) { legend: '{{source}} {{db_client_connection_pool_name}} used' },
            q.sum(q.value(m.db_client_connection_count, { db_client_connection_state: 'idle' }), by=pool) { legend: '{{source}} {{db_client_connection_pool_name}} idle' },
            q.sum(m.db_client_connection_max, by=pool) { legend: '{{source}} {{db_client_connection_pool_name}} at most', dashed: true },
          ],
          good='neither',
          description='Connections in use and idle, and the most that each pool may open.',
        ),
        panel.series(
          'PgBouncer',
          [
            q.sum(m.pgbouncer_pools_server_active_connections, by=['instance']) { legend: '{{instance}} in use' },
            q.sum(m.pgbouncer_pools_server_idle_connections, by=['instance']) { legend: '{{instance}} idle' },
            q.sum(m.pgbouncer_pools_client_waiting_connections, by=['instance']) { legend: '{{instance}} clients waiting' },
            q.sum(m.pgbouncer_databases_pool_size, by=['instance']) { legend: '{{instance}} at most', dashed: true },
          ],
          good='neither',
          description='Connections to the server in use and idle, the most that pools may hold, and clients that wait for one.',
        ),
      ],

      section('Cloud', folded=true),
      [
        panel.series(
          'Services as traced',
          q.greatest(m.cloud_service_response_seconds, by=['service']),
          good='low',
          description='Mean time in which services answered, as AWS X-Ray traced it, within the window that the settings name.',
        ),
        panel.series(
          'Calls between services that fail',
          q.greatest(q.value(m.cloud_service_calls, { outcome: '!=ok' }), by=['client', 'service', 'outcome']),
          good='low',
          description='Traced calls from one service to another that did not succeed, within the window that the settings name.',
        ),
        panel.series(
          'Age of figures from CloudWatch',
          q.greatest(q.age(m.cloud_datapoint_timestamp_seconds), by=['metric']),
          good='low',
          description='How far behind now each figure is; the figures themselves have the names that the settings declare.',
        ),
      ],

      section('Security events'),
      [
        panel.series(
          'Open findings',
          q.sum(m.security_events_open, by=['severity']),
          good='low',
          stacked=true,
          colours={ critical: 'bad', high: 'warn', medium: 'accent', low: 'neutral' },
        ),
        panel.series(
          'Findings and denied accesses in an hour',
          [
            q.sum(q.increase(m.security_events_total, over='1h'), by=['severity']) { legend: 'findings {{severity}}' },
            q.sum(q.increase(m.security_accesses_total, { outcome: 'denied' }, over='1h')) { legend: 'accesses denied' },
          ],
          good='low',
          description='Findings of security monitoring, and accesses that were denied, within an hour.',
        ),
        // Which figures does nobody deliver?
        panel.series(
          'Collectors that fail',
          q.or_zero(q.count(q.below(m.bellwether_collector_up, 1))) { legend: 'collectors' },
          good='low',
          description='Collectors whose last run failed: what they read is missing or old. The page of the exporter names them.',
        ),
      ],
    ],
  )
