// For those on watch: which figures are not what they usually are at this hour, and since when?
function(lib)
  local r = lib.records;
  local panel = lib.panel;
  local section = lib.board.section;
  local colour = import 'lib/colour.libsonnet';

  // The rows of the table of anomalies, as the configuration leaves them: each has a panel.
  local rows = (import '../alerts/anomalies.jsonnet')(lib).anomalies;
  local alert_name = (import '../alerts/lib/anomaly.libsonnet')(lib).alert_name;
  local names = std.objectFields(rows);
  local alerts = [alert_name(name) for name in names];

  local all = lib.promql;
  local q = all.within({ anomaly: '=~$anomaly' });

  local figure(record, unit='') = r['anomaly:' + record] { unit: unit };
  local state = q.value(figure('state'));
  local odd = state { expr: super.expr + ' != 0' };
  local words = {
    '0': { text: 'As usual', color: colour.ok, index: 0 },
    '1': { text: 'Too high', color: colour.bad, index: 1 },
    '-1': { text: 'Too low', color: colour.warn, index: 2 },
  };
  local directions = { up: 'low', down: 'high', both: 'neither' };
  local capital(text) = std.asciiUpper(text[0]) + text[1:];

  // What came, within the band that it usually lies in at this hour of the week.
  local band(name) =
    local row = rows[name];
    local of(record) = all.value(figure(record, row.unit), { anomaly: name });
    panel.band(
      capital(row.says),
      of('level') { legend: 'now' },
      of('lower'),
      of('upper'),
      good=directions[row.direction],
      expected=of('expected'),
      description='%s The band is what is usual at this hour of the week, by the last four weeks. %s' % [row.help, {
        up: 'Above it, something is wrong; below it nothing is.',
        down: 'Below it, something is wrong; above it nothing is.',
        both: 'Outside of it, something is wrong.',
      }[row.direction]],
      alerts=[alert_name(name)],
    );
  local in_rows(panels, width) = [
    panels[i * width:std.min((i + 1) * width, std.length(panels))]
    for i in std.range(0, std.ceil(std.length(panels) / width) - 1)
  ];

  lib.board.page(
    title='Anomalies',
    description='Figures beside what is usual for them at this hour of the week. An anomaly is a hint, and says nothing of its cause.',
    folder='Operations',
    tags=['operations', 'anomalies'],
    time='now-24h',
    refresh='1m',
    variables=[lib.board.variable('anomaly', 'Figure', figure('level'))],
    down=['operations', 'security', 'product', 'hosts'],
    rows=[
      [
        // Is anything out of the ordinary?
        panel.strip('Figures now', [
          q.or_zero(q.count(odd)) {
            legend: 'Unusual',
            help: 'Figures that are not what is usual at this hour, in the direction that is bad.',
            good: 'low',
            limits: { warning: 1 },
          },
          q.or_zero(q.count(figure('level'))) { legend: 'Watched', help: 'Figures that are read now.', good: 'high' },
          q.or_zero(q.count(figure('score'))) {
            legend: 'With a past',
            help: 'Figures of which enough is known to say what is usual; the first week none is.',
            good: 'high',
          },
        ], alerts=alerts),
      ],
      [
        // Which ones, and since when?
        panel.timeline(
          'State of each figure',
          state,
          words,
          good='neither',
          description=|||
            Whether each figure was what is usual at that hour of the week. Several that turn at once have one cause. A gap is a
            time in which its source was not read.
          |||,
          alerts=alerts,
        ),
        // How far off are they?
        panel.table('Figures at a glance', by='anomaly', of=[
          state { legend: 'State', good: 'neither', states: words },
          q.value(figure('score')) {
            legend: 'Off by',
            help: 'How many usual deviations the figure lies above what is usual, or below it.',
            decimals: 1,
            good: 'neither',
          },
          q.count(q.value(figure('before')), by=['anomaly']) {
            legend: 'Weeks known',
            help: 'Of how many past weeks this hour is known, four at most.',
            good: 'high',
          },
          state {
            expr: '1 - avg_over_time((%s == bool 0)[$__range:1m])' % super.expr,
            unit: 'ratio',
            legend: 'Of the time shown',
            help: 'Share of the time shown in which the figure was out of the ordinary.',
            good: 'low',
          },
        ]),
      ],
      [
        // Does one drift away?
        panel.series(
          'How far off figures are',
          q.value(figure('score')) { decimals: 1 },
          good='neither',
          description=|||
            How many usual deviations each figure lies above what is usual at that hour, or below it. A figure is out of the
            ordinary at 3 or 4, by its sensitivity, where that direction is bad for it.
          |||,
        ),
      ],

      section('Each figure'),
    ] + in_rows([band(name) for name in names], 2),
  )
