// Panels. What a panel shows is a list of expressions of promql.libsonnet (or gauges of the catalogue), from which its unit and
// its description come. An expression may be told more: `legend`, `decimals`, `dashed` (a line to compare with), and in a strip
// `good` and `limits`. `good` says which way is good: 'high', 'low' or 'neither'. `limits` are an entry of limits.libsonnet.
function(lib)
  local parts = (import 'panel/parts.libsonnet')(lib);
  (import 'panel/figures.libsonnet')(lib, parts)
  + (import 'panel/lines.libsonnet')(lib, parts)
  + (import 'panel/tables.libsonnet')(lib, parts)
