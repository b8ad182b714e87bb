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
    // Pages with more detail: uids, in the order in which a reader may want them.
    down=[],
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
      fiscalYearStartMonth: lib.config.fiscal_year_starts - 1,
      liveNow: false,
      weekStart: '',
      links: [board.link(uid) for uid in down] + [board.siblings],
      templating: { list: [board.source] + variables },
      annotations: { list: [board.built_in, board.urgent] + [a for a in [board.releases, board.flags] if !board.gone(a.reads)] },
      panels: board.number(board.place(board.present(rows))),
    },
  },

  // A page for a telephone: all panels below each other, at full width, since nothing else is readable there.
  mobile(title, description, folder, tags, panels, variables=[], time='now-24h', refresh='1m', down=[]):
    board.page(title, description, folder, tags, [[p] for p in panels], variables, time, refresh, down),

  // What this reads is fed by nothing.
  gone(reads):: std.setInter(std.set(reads), lib.absent) != [],

  // Rows without the panels that nothing feeds, and without headings under which nothing is left.
  present(rows)::
    local left = [
      if std.isObject(row) then row else [p for p in row if !p.absent]
      for row in rows
    ];
    local kept = [row for row in left if std.isObject(row) || std.length(row) > 0];
    [
      kept[i]
      for i in std.range(0, std.length(kept) - 1)
      if std.isArray(kept[i]) || (i + 1 < std.length(kept) && std.isArray(kept[i + 1]))
    ],

  // One more page, by its uid, keeping the time.
  link(uid):: {
    type: 'link',
    title: std.asciiUpper(uid[0]) + std.strReplace(uid[1:], '-', ' '),
    url: '/d/' + uid,
    asDropdown: false,
    icon: 'dashboard',
    includeVars: true,
    keepTime: true,
    tags: [],
    targetBlank: false,
    tooltip: 'More detail',
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

  // One of the values that a label of a metric has: for figures of which several sources tell the same, so that they must not be
  // added up. `first` is the one that is shown at first.
  choice(label, title, metric, first, where={}):
    board.variable(label, title, metric, where) {
      current: { selected: true, text: first, value: first },
      allValue: null,
      includeAll: false,
      multi: false,
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

  // When something changed: a release of the application, a feature flag.
  releases:: board.moments('Releases', lib.promql.greatest(
    lib.promql.value(lib.metrics.process_start_time_seconds, { job: lib.config.jobs.app })
  ), 'The application was started anew'),
  flags:: board.moments(
    'Feature flags', lib.promql.greatest(lib.metrics.feature_flag_changed_timestamp_seconds, by=['flag']), '{{flag}} was changed'
  ),
  moments(name, of, title):: {
    reads:: of.reads,
    datasource: datasource,
    enable: false,
    // In milliseconds, as Grafana asks for times.
    expr: '1000 * ' + of.expr,
    hide: false,
    iconColor: colour.neutral,
    name: name,
    step: '60s',
    tagKeys: '',
    textFormat: '',
    titleFormat: title,
    useValueForTime: 'on',
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
    // What does not divide evenly goes to the first. Where panels that have a width of their own lost a neighbour, the last grows.
    local share(rank) = std.floor(left / sharing) + (if rank < left % sharing then 1 else 0);
    local complete = std.length(lib.absent) == 0;
    local add(line, p) =
      local last = sharing == 0 && std.length(line.panels) == std.length(row) - 1;
      local w = if p.width == null then share(line.rank) else if last then columns - line.x else p.width;
      line {
        x: line.x + w,
        rank: line.rank + (if p.width == null then 1 else 0),
        panels: line.panels + [p { gridPos: { x: line.x, y: y, w: w, h: height } }],
      };
    if left < sharing || (sharing == 0 && left != 0 && complete) then
      error 'a row of panels is %d columns wide, not %d: %s' % [asked, columns, std.join(', ', [p.title for p in row])]
    else std.foldl(add, row, { x: 0, rank: 0, panels: [] }).panels,

  number(panels):: std.mapWithIndex(function(i, p) p { id: i + 1 }, panels),
}
