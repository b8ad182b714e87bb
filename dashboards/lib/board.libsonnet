// A page: rows of panels from top to bottom. The grid, the numbers of the panels, navigation and annotations follow.
function(lib) {
  local board = self,
  local colour = import 'colour.libsonnet',
  local columns = 24,
  local datasource = { type: 'prometheus', uid: '${datasource}' },

  // A heading between rows. What is below a folded one is shown, and asked for, when a reader opens it: the detail of a long page.
  section(title, folded=false): { heading: title, folded: folded },

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
    // Nothing feeds any of its figures; a note without figures is no page.
    is_empty: [p for row in board.present(rows) if std.isArray(row) for p in row if p.type != 'text'] == [],
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
      links: [board.link(uid) for uid in down if !lib.is_left_out(uid)] + [board.siblings],
      templating: { list: [board.source] + variables },
      annotations: { list: [board.built_in, board.urgent] + [a for a in [board.starts, board.flags, board.experiments] if lib.all_fed(a.reads)] },
      panels: board.number(board.place(board.present(rows))),
    },
  },

  // A page for a telephone: all panels below each other, at full width, since nothing else is readable there. What stands above the
  // panels would take the first screen, so that nothing can be chosen and links come last.
  mobile(title, description, folder, tags, panels, time='now-24h', refresh='1m', down=[]):
    local further = lib.panel.note('Further pages', board.further(down)) {
      description: 'Pages with more detail, for a desk. It has no figure that could be good or bad.',
    };
    board.page(title, description, folder, tags, [[p] for p in panels + [further]], time=time, refresh=refresh) {
      dashboard+: { links: [], templating: { list: [board.source { hide: 2 }] } },
    },

  // Pages as a line of text.
  further(uids):: std.join(' · ', ['[' + board.called(uid) + '](/d/' + uid + ')' for uid in uids if !lib.is_left_out(uid)]),
  called(uid):: std.get({ mfa: 'MFA', slos: 'SLOs' }, uid, std.asciiUpper(uid[0]) + std.strReplace(uid[1:], '-', ' ')),

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

  // A panel that leads to a page, by its uid, keeping the time.
  leading(uid):: {
    links: if lib.is_left_out(uid) then [] else [
      { title: 'On a desk', url: '/d/%s?${__url_time_range}' % uid, targetBlank: false },
    ],
  },

  // One more page, by its uid, keeping the time.
  link(uid):: {
    type: 'link',
    title: board.called(uid),
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

  // Any number of the values that a label of a metric has, all of them at first. Links between pages carry what was chosen, by the
  // name of the variable: a label that means something else than on other pages, as `instance` does, needs a name of its own.
  variable(label, title, metric, where={}, name=label):
    local query = 'label_values(' + lib.promql.value(metric, where).expr + ', ' + label + ')';
    {
      type: 'query',
      name: name,
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
  choice(label, title, metric, first, where={}, name=label):
    local chosen = { selected: true, text: first, value: first };
    board.variable(label, title, metric, where, name) {
      current: chosen,
      allValue:: null,
      includeAll: false,
      multi: false,
    } + (
      // Where nobody feeds the metric there is nothing to choose among, and other figures of the page still ask for the first.
      if lib.all_fed([metric.name]) then {}
      else { type: 'custom', query: first, options: [chosen], hide: 2, definition:: null, datasource:: null, refresh:: null, sort:: null, regex:: null }
    ),

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

  // When the application was started: by a release as by a crash, which no metric tells apart.
  starts:: board.moments('Starts of the application', lib.promql.greatest(
    lib.promql.value(lib.metrics.process_start_time_seconds, { job: lib.config.jobs.app })
  ), 'The application was started: a release, or a restart'),
  // When something changed: a feature flag.
  flags:: board.moments(
    'Feature flags', lib.promql.greatest(lib.metrics.feature_flag_changed_timestamp_seconds, by=['flag']), '{{flag}} was changed'
  ),
  // While an experiment runs, from its start to its end.
  experiments:: board.marks(
    'Experiments', lib.promql.above(lib.promql.greatest(lib.metrics.experiment_running, by=['experiment']), 0), '{{experiment}} runs'
  ),
  // What a timestamp marks; in milliseconds, as Grafana asks for times.
  moments(name, of, title):: board.marks(name, of, title) { expr: '1000 * ' + of.expr, useValueForTime: 'on' },
  // Whenever an expression has a value.
  marks(name, of, title):: {
    reads:: of.reads,
    datasource: datasource,
    enable: false,
    expr: of.expr,
    hide: false,
    iconColor: colour.neutral,
    name: name,
    step: '60s',
    tagKeys: '',
    textFormat: '',
    titleFormat: title,
  },

  // Rows of panels -> panels with their places: a row is as high as its highest panel, and its panels fill its width.
  place(rows)::
    local height_of(row) = if std.isObject(row) then 1 else std.foldl(function(most, p) std.max(most, p.height), row, 0);
    local add(page, row) =
      local high = height_of(row), last = std.length(page.panels) - 1;
      if std.isObject(row) then
        { y: page.y + 1, below: if row.folded then page.y + 1 else null, panels: page.panels + [board.heading(row, page.y)] }
      else if page.below == null then
        page { y: page.y + high, panels: page.panels + board.fill(row, page.y, high) }
      else
        // The heading holds its panels, and what follows stands as if they were not there.
        page {
          below: page.below + high,
          panels: page.panels[:last] + [page.panels[last] { panels+: board.fill(row, page.below, high) }],
        };
    std.foldl(add, rows, { y: 0, below: null, panels: [] }).panels,

  heading(row, y):: {
    type: 'row',
    title: row.heading,
    collapsed: row.folded,
    panels: [],
    gridPos: { x: 0, y: y, w: columns, h: 1 },
  },

  fill(row, y, height)::
    local asked = std.foldl(function(sum, p) sum + (if p.width == null then 0 else p.width), row, 0);
    local sharing = std.length([p for p in row if p.width == null]);
    local left = columns - asked;
    // What does not divide evenly goes to the first. Where panels that have a width of their own lost a neighbour, the last grows.
    local share(rank) = std.floor(left / sharing) + (if rank < left % sharing then 1 else 0);
    local complete = std.length(lib.config.absent) == 0;
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

  number(panels)::
    local add(page, p) =
      local inner = [p.panels[i] { id: page.used + 2 + i } for i in std.range(0, std.length(std.get(p, 'panels', [])) - 1)];
      {
        used: page.used + 1 + std.length(inner),
        panels: page.panels + [p { id: page.used + 1, [if inner != [] then 'panels']: inner }],
      };
    std.foldl(add, panels, { used: 0, panels: [] }).panels,
}
