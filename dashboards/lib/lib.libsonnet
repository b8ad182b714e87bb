// What every dashboard and every alert is given, made once from the configuration. Each part is a function of the whole, so
// that parts can use each other; a part that is not used is not evaluated. `areas` are those of alerts/*.jsonnet, by name.
function(config, areas) {
  local lib = self,

  config: config,
  // Every metric of the catalogue by name, and those of others; an unknown name fails the build.
  metrics: (import 'metrics.libsonnet') + { [name]: { name: name } + others[name] for name in std.objectFields(others) },
  local others = import 'others.libsonnet',
  absent: std.set(config.absent),
  // Every recording rule by name, in the same shape as a metric.
  records: {
    [name]: { name: name } + areas[area].records[name]
    for area in std.objectFields(areas)
    if std.objectHas(areas[area], 'records')
    for name in std.objectFields(areas[area].records)
  },
  // Thresholds: alerts fire at them, panels draw them. Those of one area of alerts stand in its file.
  limits: std.mergePatch(
    std.foldl(
      function(all, area) all + (if std.objectHas(areas[area], 'limits') then areas[area].limits else {}),
      std.objectFields(areas),
      import 'limits.libsonnet',
    ),
    config.limits
  ),
  priorities: std.mergePatch(import '../../alerts/lib/priorities.libsonnet', config.priorities),
  rule: (import '../../alerts/lib/rule.libsonnet')(lib),

  promql: (import 'promql.libsonnet')(lib),
  panel: (import 'panel.libsonnet')(lib),
  board: (import 'board.libsonnet')(lib),
}
