// What every dashboard and every alert is given, made once from the configuration. Each part is a function of the whole, so
// that parts can use each other; a part that is not used is not evaluated.
function(config) {
  local lib = self,

  config: config,
  // Every metric of the catalogue by name; an unknown name fails the build. `up` and `ALERTS` are Prometheus's own.
  metrics: (import 'metrics.libsonnet') + {
    up: { name: 'up', type: 'gauge', unit: '', help: 'Whether the last scrape of the target succeeded.', labels: ['job', 'instance'] },
    ALERTS: {
      name: 'ALERTS',
      type: 'gauge',
      unit: '',
      help: 'Alerts that are pending or firing.',
      labels: ['alertname', 'alertstate', 'priority', 'severity', 'domain', 'service'],
    },
  },
  // Every recording rule by name, in the same shape as a metric.
  records: { [name]: { name: name } + recorded.records[name] for name in std.objectFields(recorded.records) },
  local recorded = (import '../../alerts/records.jsonnet')(lib),
  // Thresholds: alerts fire at them, panels draw them.
  limits: std.mergePatch(import 'limits.libsonnet', config.limits),
  priorities: std.mergePatch(import '../../alerts/lib/priorities.libsonnet', config.priorities),
  rule: (import '../../alerts/lib/rule.libsonnet')(lib),

  promql: (import 'promql.libsonnet')(lib),
  panel: (import 'panel.libsonnet')(lib),
  board: (import 'board.libsonnet')(lib),
}
