// A page: rows of panels from top to bottom. The grid, the numbers of the panels, navigation and annotations follow.
function(lib) {
  local board = self,
  local colour = import 'colour.libsonnet',
  local columns = 24,
  local datasource = { type: 'prometheus', uid: '${datasource}' },

  // A heading between rows.
  section(title): { heading: title },

  page(
    title=error 'a page needs a title',
    description=error 'a page needs a description: what it is for, and for whom',
    folder=error 'a page needs the folder it stands in',
    tags=error 'a page needs tags: its domain and its audience',
    rows=error 'a page needs rows of panels',
    variables=[],
    time='now-6h',
    refresh='1m',
  ): {
    folder: folder,
    dashboard: {
      id: null,
      title: title,
      description: description,
      tags: ['bellwether'] + tags,
      schemaVersion: 42,
      editable: false,
      graphTooltip: 1,
      timezone: 'browser',
      time: { from: time, to: 'now' },
      timepicker: {},
      refresh: refresh,
      fiscalYearStartMonth: 0,
      liveNow: false,
      weekStart: '',
      links: [board.siblings],
      templating: { list: [board.source] + variables },
      annotations: { list: [board.built_in, board.urgent] },
      panels: board.number(board.place(rows)),
    },
  },

  // Every other page, keeping the time and the variables.
  siblings:: {
    type: 'dashboards',
    title: 'Dashboards',
    tags: ['bellwether'],
    asDropdown: true,
    includeVars: true,
    keepTime: true,
    targetBlank: false,
    icon: 'external link',
    tooltip: 'The other pages of Bellwether',
    url: '',
  },

  source:: {
    type: 'datasource',
    name: 'datasource',
    label: 'Data source',
    query: 'prometheus',
    current: {},
    hide: 0,
    includeAll: false,
    multi: false,
    options: [],
    refresh: 1,
    regex: '',
    skipUrlSync: false,
  },

  // Any number of the values that a label of a metric has, all of them at first.
  variable(label, title, metric, where={}):
    local query = 'label_values(%s, %s)' % [lib.promql.value(metric, where).expr, label];
    {
      type: 'query',
      name: label,
      label: title,
      datasource: datasource,
      definition: query,
      query: { qryType: 1, query: query, refId: 'PrometheusVariableQueryEditor-VariableQuery' },
      current: { selected: true, text: ['All'], value: ['$__all'] },
      // Not `.*`, which would also match series that lack the label.
      allValue: '.+',
      includeAll: true,
      multi: true,
      hide: 0,
      options: [],
      refresh: 2,
      regex: '',
      skipUrlSync: false,
      sort: 1,
    },

  built_in:: {
    builtIn: 1,
    datasource: { type: 'grafana', uid: '-- Grafana --' },
    enable: true,
    hide: true,
    iconColor: colour.accent,
    name: 'Annotations & Alerts',
    type: 'dashboard',
  },

  // When something urgent was firing, so that a bend in a line can be held against it.
  urgent:: {
    datasource: datasource,
    enable: true,
    expr: lib.promql.value(
      lib.metrics.ALERTS, { alertstate: 'firing', priority: '=~P0|P1', alertname: '!=Watchdog' }
    ).expr,
    hide: false,
    iconColor: colour.bad,
    name: 'P0 and P1 alerts',
    step: '60s',
    tagKeys: 'priority,domain',
    textFormat: '{{alertname}}',
    titleFormat: '{{priority}} {{alertname}}',
  },

  // Rows of panels -> panels with their places: a row is as high as its highest panel, and its panels fill its width.
  place(rows)::
    local height_of(row) = if std.isObject(row) then 1 else std.foldl(function(most, p) std.max(most, p.height), row, 0);
    local add(page, row) = page {
      y: page.y + height_of(row),
      panels: page.panels + (if std.isObject(row) then [board.heading(row, page.y)] else board.fill(row, page.y, height_of(row))),
    };
    std.foldl(add, rows, { y: 0, panels: [] }).panels,

  heading(row, y):: {
    type: 'row',
    title: row.heading,
    collapsed: false,
    panels: [],
    gridPos: { x: 0, y: y, w: columns, h: 1 },
  },

  fill(row, y, height)::
    local asked = std.foldl(function(sum, p) sum + (if p.width == null then 0 else p.width), row, 0);
    local sharing = std.length([p for p in row if p.width == null]);
    local left = columns - asked;
    // What does not divide evenly goes to the first.
    local share(rank) = std.floor(left / sharing) + (if rank < left % sharing then 1 else 0);
    local add(line, p) =
      local w = if p.width == null then share(line.rank) else p.width;
      line {
        x: line.x + w,
        rank: line.rank + (if p.width == null then 1 else 0),
        panels: line.panels + [p { gridPos: { x: line.x, y: y, w: w, h: height } }],
      };
    if left < sharing || (sharing == 0 && left != 0) then
      error 'a row of panels is %d columns wide, not %d: %s' % [asked, columns, std.join(', ', [p.title for p in row])]
    else std.foldl(add, row, { x: 0, rank: 0, panels: [] }).panels,

  number(panels):: std.mapWithIndex(function(i, p) p { id: i + 1 }, panels),
}
