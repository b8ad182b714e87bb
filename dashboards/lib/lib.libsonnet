// What every dashboard and every alert is given, made once from the configuration. Each part is a function of the whole, so
// that parts can use each other; a part that is not used is not evaluated. `areas` are those of alerts/*.jsonnet, by name, and
// `pages` those of dashboards/*.jsonnet, by uid.
function(config, areas, pages) {
  local lib = self,

  config: config,
  // Every metric of the catalogue by name, and those of others; an unknown name fails the build.
  // What both have is the exporter's, which may read it from the other.
  metrics: { [name]: { name: name } + others[name] for name in std.objectFields(others) } + catalogue,
  local others = import 'others.libsonnet',
  local catalogue = import 'metrics.libsonnet',
  // Whether all that is read comes from somewhere: what nobody feeds is named by the configuration.
  all_fed(reads): std.length([name for name in reads if std.objectHas(absent, name)]) == 0,
  local absent = { [name]: null for name in config.absent },
  // Whether there is such a page, but nothing on it that anybody feeds: it is not made, and nothing may lead there.
  is_left_out(uid): config.absent != [] && std.objectHas(pages, uid) && pages[uid].is_empty,
  // Every recording rule by name, in the same shape as a metric.
  records: {
    [name]: { name: name } + areas[area].records[name]
    for area in std.objectFields(areas)
    if std.objectHas(areas[area], 'records')
    for name in std.objectFields(areas[area].records)
  },
  // Thresholds: alerts fire at them, panels draw them. Those of one area of alerts stand in its file. Hidden, each has the names of
  // the alerts that fire at it.
  limits: { [name]: merged[name] { alerts:: std.get(watching, name, []) } for name in std.objectFields(merged) },
  local watching = import 'watching.libsonnet',
  local merged = std.mergePatch(
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
  colour: import 'colour.libsonnet',
  panel: (import 'panel.libsonnet')(lib),
  board: (import 'board.libsonnet')(lib),
}
