// For those who keep the product running today: is it quick, does it work, what is wrong, and what will need doing next?
function(lib)
  local m = lib.metrics;
  local r = lib.records;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;
  local limit(name) = limits[name];

  local own = { source: '=~$source' };
  local q = lib.promql.within(own);
  local requests = m.http_server_request_duration_seconds;
  local all = q.sum(q.observed(requests));
  local failed = q.sum(q.observed(requests, { http_response_status_code: '=~5..' }));
  local share(by=[]) = q.divide(
    q.otherwise(
      q.sum(q.observed(requests, { http_response_status_code: '=~5..' }), by=by),
      q.sum(q.observed(requests), by=by) { expr: '0 * ' + super.expr },
    ),
    q.above(q.sum(q.observed(requests), by=by), 0),
  ) { help: 'Requests that the application answered with a status from 500 on / all requests.' };
  local p95(by=[]) = q.quantile(0.95, requests, by=by);
  local target = ['instance'];
  local tickets = q.sum(m.support_tickets_open, by=['source']);

  // 0 while every cluster is green, 1 with a yellow one, 2 with a red one.
  local has(color) = lib.promql.greatest(lib.promql.value(m.elasticsearch_cluster_health_status, { color: color }));
  local cluster = has('yellow') { expr: 'clamp_max(%s + 2 * %s, 2)' % [has('yellow').expr, has('red').expr] };

  lib.board.page(
    title='Operations',
    description='Response times, throughput, errors, critical issues, tickets, resources, scaling and live users: the state of the day.',
    folder='Operations',
    tags=['operations'],
    time='now-3h',
    refresh='30s',
    down=['technical', 'hosts', 'database', 'capacity'],
    variables=[
      lib.board.choice('source', 'Source', m.saas_online_users, first=lib.config.source),
    ],
    rows=[
      [
        // Does it work, for how many, and is anybody needed?
        panel.strip('Works it?', [
          q.or_zero(q.count(q.value(m.ALERTS, { alertstate: 'firing', priority: '=~P0|P1', alertname: '!=Watchdog' }))) {
            legend: 'Critical',
            help: 'Alerts of priority P0 and P1 that fire now.',
            good: 'low',
            limits: { critical: 1 },
          },
          q.least(m.probe_success) { legend: 'Websites', good: 'high', states: panel.up_or_down },
          p95() { legend: 'Response, p95', good: 'low', limits: limit('api_latency_seconds') },
          share() { legend: 'Errors', good: 'low', limits: limit('api_error_ratio'), decimals: 2 },
        ], alerts=['WebsiteDown', 'ApiLatencyHigh', 'ApiErrorsHigh']),
        panel.strip('For how many?', [
          all { legend: 'Requests', help: 'Requests that the application answered.', good: 'neither' },
          q.sum(m.saas_online_users, by=['source']) { legend: 'Users online', good: 'high' },
          tickets { legend: 'Open tickets', good: 'low' },
        ]),
      ],
      [
        // What fires?
        panel.firing(
          'Critical issues and other alerts',
          description='Alerts that fire, the most urgent first. P0 is answered within 15 minutes, P1 within an hour. None is good.',
        ),
        // Which route is slow, or fails?
        panel.table('Routes', by='http_route', of=[
          q.sum(q.observed(requests), by=['http_route']) { legend: 'Per second', help: 'Requests per second.', good: 'neither' },
          p95(['http_route']) { legend: 'p95', good: 'low', limits: limit('api_latency_seconds') },
          share(['http_route']) { legend: 'Errors', good: 'low', limits: limit('api_error_ratio'), decimals: 2 },
        ]),
      ],

      section('The application'),
      [
        // Is it as quick as it was?
        panel.series(
          'Response times',
          [
            q.quantile(0.5, requests) { legend: 'half' },
            p95() { legend: '95 in 100' },
            q.quantile(0.99, requests) { legend: '99 in 100' },
          ],
          good='low',
          description='What that share of the requests took at most. The target is 0.2 s for 95 in 100.',
          limits=limit('api_latency_seconds'),
          alerts=['ApiLatencyHigh'],
        ),
        // How much is asked of it?
        panel.week(
          'Throughput',
          function(q) q.sum(q.observed(requests)),
          good='neither',
          description='Requests per second, beside those of a week before.',
        ),
        // How much of it fails?
        panel.series('Errors', share() { legend: 'errors' }, good='low', limits=limit('api_error_ratio'), alerts=['ApiErrorsHigh']),
        // Does work pile up?
        panel.series('Requests in hand', q.sum(m.http_server_active_requests, by=['service_name']), good='low'),
      ],

      section('From outside'),
      [
        // Can it be reached?
        panel.timeline('Websites and services', q.value(m.probe_success) { legend: '{{instance}}' }, states=panel.up_or_down, good='high', alerts=['WebsiteDown']),
        // How long does a visitor wait, and where?
        panel.series('Time of a probe', q.value(m.probe_duration_seconds) { legend: '{{instance}}' }, good='low', limits=limit('probe_duration_seconds'), alerts=['WebsiteSlow']),
        panel.series(
          'Phases of a probe',
          q.mean(m.probe_http_duration_seconds, by=['phase']),
          good='low',
          description='Where the time of probes goes, mean of the websites: resolve, connect, tls, processing, transfer.',
          stacked=true,
        ),
      ],
      [
        // When do certificates expire?
        panel.bars(
          'Certificates expire in',
          q.least(q.until(m.probe_ssl_earliest_cert_expiry), by=target),
          good='high',
          limits=limits.certificate_seconds,
          description='Time until the first certificate that the server presents expires.',
          alerts=['CertificateExpiring', 'CertificateExpiringSoon'],
        ),
        panel.series(
          'Time to resolve names',
          q.greatest(m.probe_dns_lookup_time_seconds, by=target),
          good='low',
          limits=limit('name_resolution_seconds'),
          alerts=['NameResolutionSlow'],
        ),
        panel.bars('Status of the last answer', q.greatest(m.probe_http_status_code, by=target), good='neither', description='Status of the final response: 200 is good, 0 means that none came.'),
      ],

      section('People'),
      [
        // Who is here now?
        panel.series(
          'Live activity',
          [
            q.sum(m.saas_online_users, by=['source']) { legend: 'users online' },
            q.sum(m.saas_open_sessions, by=['source']) { legend: 'sessions open' },
            q.sum(m.web_current_visitors, by=['source']) { legend: 'visitors of the website' },
          ],
          good='high',
          description='Users who are signed in, their sessions, and visitors of the website.',
        ),
        // Do they ask for help?
        panel.series(
          'Open tickets',
          q.sum(m.support_tickets_open, by=['state']),
          good='low',
          stacked=true,
          colours={ answered: 'accent', unanswered: 'warn' },
        ),
        panel.series(
          'Tickets in an hour',
          [
            q.sum(q.increase(m.support_tickets_created_total, over='1h')) { legend: 'came' },
            q.sum(q.increase(m.support_tickets_resolved_total, over='1h')) { legend: 'resolved' },
          ],
          good='neither',
          description='Tickets that came and that were resolved within an hour. More coming than resolved makes a backlog.',
        ),
      ],

      section('Resources'),
      [
        panel.series('CPU of hosts', lib.promql.value(r['instance:node_cpu_used:ratio_rate5m']), good='low', limits=limits.host_cpu_ratio, max=1),
        panel.series('Memory of hosts', lib.promql.value(r['instance:node_memory_used:ratio']), good='low', limits=limits.host_memory_ratio, max=1),
        // Has anything to be enlarged?
        panel.table('Scaling', by='workload', of=[
          q.value(r['capacity:replicas:running']) { legend: 'Has', good: 'neither' },
          q.value(r['capacity:replicas:wanted']) { legend: 'Should have', good: 'neither' },
          q.value(r['capacity:headroom:ratio']) { legend: 'Headroom', good: 'high', limits: { warning: 1 - limits.capacity_use_ratio.warning } },
        ], alerts=['ScalingNeeded']),
      ],

      section('Logs', folded=true),
      [
        // What does the software complain of?
        panel.series(
          'Errors in logs per minute',
          lib.promql.sum(lib.promql.per_minute(m.logs_lines_total, { level: '=~error|critical' }), by=['source', 'level']),
          good='low',
          alerts=['LogErrorsSpike'],
        ),
        panel.series('Log lines per second', lib.promql.sum(lib.promql.rate(m.logs_lines_total), by=['source', 'level']), good='neither', stacked=true),
        // Do lines still come in?
        panel.series(
          'Newest log line',
          lib.promql.greatest(lib.promql.age(m.logs_newest_line_timestamp_seconds), by=['source']),
          good='low',
          description='How long ago the newest line of each store was written. Growing steadily, lines no longer come in.',
          alerts=['LogsStopped'],
        ),
        // Is there anything that could take them in?
        panel.strip('Stores of logs now', [
          lib.promql.least(m.logs_store_ready) {
            legend: 'Ready',
            help: 'Whether every store of logs says that it is ready.',
            good: 'high',
            states: panel.yes_or_no,
          },
          lib.promql.least(lib.promql.rest(m.logs_count_incomplete)) {
            legend: 'Counted',
            help: 'Whether the stores could look at all lines; while one cannot, lines are not counted.',
            good: 'high',
            states: panel.yes_or_no,
          },
          cluster {
            legend: 'Elasticsearch',
            help: 'The worst health that a cluster has. Yellow: replicas are missing; red: data cannot be reached.',
            good: 'low',
            states: {
              '0': { text: 'Green', color: lib.colour.ok, index: 0 },
              '1': { text: 'Yellow', color: lib.colour.warn, index: 1 },
              '2': { text: 'Red', color: lib.colour.bad, index: 2 },
            },
          },
        ]) { width: 6 },
      ],
      [
        panel.series('Bytes of log lines', lib.promql.sum(lib.promql.rate(m.logs_bytes_total), by=['source']), good='neither'),
      ],
    ],
  )
