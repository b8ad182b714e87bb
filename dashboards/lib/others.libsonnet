// Metrics that others expose: Prometheus, Alertmanager, your application. Names, types and labels are theirs.
//
// Prometheus and Alertmanager: their own /metrics. The application: OpenTelemetry's semantic conventions as Prometheus names
// them, https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ and https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
{
  local gauge(help, labels=[], unit='') = { type: 'gauge', unit: unit, help: help, labels: labels },
  local counter(help, labels=[], unit='') = gauge(help, labels, unit) { type: 'counter' },
  local histogram(help, labels=[], unit='seconds') = gauge(help, labels, unit) { type: 'histogram' },

  up: gauge('Whether the last scrape of the target succeeded.', ['job', 'instance']),
  scrape_duration_seconds: gauge('How long the last scrape of the target took.', ['job', 'instance'], 'seconds'),
  scrape_samples_scraped: gauge('Series that the target had at its last scrape.', ['job', 'instance']),
  ALERTS: gauge(
    'Alerts that are pending or firing.', ['alertname', 'alertstate', 'priority', 'severity', 'domain', 'service', 'slo']
  ),

  // The application.
  http_server_request_duration_seconds: histogram(
    'How long the application took to answer requests.',
    ['http_request_method', 'http_route', 'http_response_status_code', 'service_name'],
  ),
  http_server_active_requests: gauge('Requests that the application is answering.', ['http_request_method', 'service_name']),

  // Caches and background jobs of the application, for which there is no convention: these names are proposed.
  cache_requests_total: counter('Look-ups in a cache; result is hit or miss.', ['cache', 'result', 'service_name']),
  job_queue_length: gauge('Background jobs that wait in a queue.', ['queue', 'service_name']),
  job_runs_total: counter('Background jobs that ended; outcome is succeeded or failed.', ['queue', 'outcome', 'service_name']),
  job_duration_seconds: histogram('How long background jobs ran.', ['queue', 'service_name']),

  // Load tests of k6, by its output to Prometheus with K6_PROMETHEUS_RW_TREND_STATS="p(95)":
  // https://grafana.com/docs/k6/latest/results-output/real-time/prometheus-remote-write/
  k6_vus: gauge('Virtual users that a load test has.'),
  k6_http_reqs_total: counter('Requests that a load test made.', ['scenario', 'method', 'name', 'status', 'expected_response']),
  k6_http_req_duration_p95: gauge(
    'What 95 of 100 requests of a load test took at most.', ['scenario', 'method', 'name', 'status', 'expected_response'], 'seconds'
  ),
  k6_http_req_failed_rate: gauge('Share of the requests of a load test that failed.', ['scenario', 'method', 'name'], 'ratio'),

  // Prometheus.
  prometheus_tsdb_head_series: gauge('Series that Prometheus holds in memory.'),
  prometheus_tsdb_head_samples_appended_total: counter('Samples that Prometheus took in.', ['type']),
  prometheus_rule_evaluation_failures_total: counter('Rules that could not be evaluated.', ['rule_group']),
  prometheus_rule_group_last_duration_seconds: gauge('How long a group of rules took the last time.', ['rule_group'], 'seconds'),
  prometheus_rule_group_interval_seconds: gauge('How often a group of rules is evaluated.', ['rule_group'], 'seconds'),
  prometheus_notifications_dropped_total: counter('Alerts that Prometheus could not hand to any Alertmanager.'),
  prometheus_notifications_queue_length: gauge('Alerts that wait to be handed to Alertmanager.'),
  prometheus_config_last_reload_successful: gauge('Whether the last reading of the configuration succeeded: 1 or 0.'),
  prometheus_tsdb_storage_blocks_bytes: gauge('What the stored blocks take on disk.', [], 'bytes'),

  // Alertmanager.
  alertmanager_alerts: gauge('Alerts that Alertmanager holds, by whether they are silenced or inhibited.', ['state']),
  alertmanager_silences: gauge('Silences, by whether they hold now.', ['state']),
  alertmanager_notifications_total: counter('Notifications that were to be sent.', ['integration']),
  alertmanager_notifications_failed_total: counter('Notifications that could not be delivered.', ['integration']),
  alertmanager_notification_latency_seconds: histogram('How long the delivery of notifications took.', ['integration']),
  alertmanager_config_last_reload_successful: gauge('Whether the last reading of the configuration succeeded: 1 or 0.'),
}
