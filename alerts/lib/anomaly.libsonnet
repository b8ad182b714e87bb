// Anomalies: from a row that tells a figure, the rules that learn what is usual at this hour of the week and say when the figure
// leaves it. docs/anomalies.md says why so, and how well it does.
function(lib) {
  local anomaly = self,
  local q = lib.promql,
  local r = lib.records,
  local filled(of) = if std.isString(of) then { expr: of, reads:: [] } else of,

  local required = ['of', 'direction', 'help', 'says', 'impact', 'action'],
  // `chance` is how large the deviations are that mere chance brings: 'count' and 'share' know, a 'gauge' does not.
  local defaults = {
    chance: 'gauge',
    events: null,
    minimum: 0,
    floor: 0,
    relative: 0.1,
    sensitivity: 4,
    priority: 'P2',
    'for': '10m',
    unit: '',
  },
  // Weeks that are looked back at, as the offset of the middle hour.
  local weeks = ['167h30m', '335h30m', '503h30m', '671h30m'],

  // The rows of a table, as the configuration changes them, without those that nothing feeds.
  //
  // of            the figure now, without labels: an expression of lib.promql, or text
  // direction     which way is bad: 'up', 'down' or 'both'
  // chance        'count' of events, 'share' of `events` (an expression), or 'gauge'
  // minimum       a share of fewer events than this says nothing
  // floor         deviations below this matter to nobody, in the figure's own unit
  // relative      nor do those below this share of what is usual, for one of `sensitivity`
  // sensitivity   how many times the usual deviation is out of the ordinary
  // help          what the figure is; `says` it in few words, for the alert, whose `impact` and `action` these are
  table(rows)::
    local changes = lib.config.anomalies;
    local all = std.mergePatch(
      { [name]: defaults + rows[name] for name in std.objectFields(rows) },
      { [name]: changes[name] for name in std.objectFields(changes) if changes[name] != null }
    );
    {
      [name]: anomaly.checked(name, defaults + all[name])
      for name in std.objectFields(all)
      if std.get(changes, name, {}) != null && !anomaly.unfed(all[name])
    },

  unfed(row):: std.objectHas(row, 'of') && !lib.all_fed(filled(row.of).reads),

  checked(name, row)::
    local missing = [field for field in required if !std.objectHas(row, field)];
    assert missing == [] : 'anomaly %s lacks %s' % [name, std.join(', ', missing)];
    assert std.member(['up', 'down', 'both'], row.direction) : '%s: a direction is up, down or both' % name;
    assert std.member(['count', 'share', 'gauge'], row.chance) : '%s: chance is of a count, a share or a gauge' % name;
    assert std.member(['P2', 'P3'], row.priority) : '%s: an anomaly is a hint, and wakes nobody: P2 or P3' % name;
    assert row.chance != 'share' || row.events != null : '%s: a share needs the events that it is of' % name;
    row,

  // Figures of a source, as long as it is read; where it is read and tells nothing, nothing has happened.
  sourced(name, of)::
    local labelled = of { labels: ['source'] };
    local zero = 'label_replace(0 * sum(%s), "source", "%s", "", "")' % [one('anomaly:expected', name), lib.config.source];
    q.sum(lib.rule.fresh(labelled { expr: '%s\n  or %s' % [of.expr, zero] })),

  local each(rows, make) = [{ expr: make(name, rows[name]), sets: { anomaly: name } } for name in std.objectFields(rows)],
  local one(record, name) = '%s{anomaly="%s"}' % [r[record].name, name],

  level(name, row):: filled(row.of).expr + (
    if row.chance == 'share' && row.minimum > 0 then '\nand on () %s >= %g' % [filled(row.events).expr, row.minimum] else ''
  ),

  // Mean of the hour around the same time of a week ago, two, three and four.
  before:: [
    { expr: 'avg_over_time(%s[1h] offset %s)' % [r['anomaly:learned'].name, weeks[i]], sets: { week: '%d' % (i + 1) } }
    for i in std.range(0, std.length(weeks) - 1)
  ],

  // What is usual is the median, which one odd week does not move.
  expected:: 'quantile by (anomaly) (0.5, %s)' % r['anomaly:before'].name,

  // Of the deviations that are nothing out of the ordinary the largest: what past weeks had (as the standard deviation that goes
  // with their median deviation), what chance brings, and what would not matter.
  deviation(name, row)::
    local expected = one('anomaly:expected', name), before = one('anomaly:before', name);
    // Of few weeks the median is itself uncertain.
    local uncertain = '(1 + 1 / count by (anomaly) (%s))' % before;
    local parts = [
      '1.4826 * quantile by (anomaly) (0.5, abs(%s - on (anomaly) group_left () %s))' % [before, expected],
      '%g * abs(%s)' % [row.relative, expected],
    ] + (
      if row.chance == 'count' then ['sqrt(%s * (%s or 2 + 0 * %s))' % [expected, uncertain, expected]]
      else if row.chance == 'share' then [
        'sqrt(clamp(%(expected)s, 0.01, 0.99) * (1 - clamp(%(expected)s, 0.01, 0.99)) / on () group_left () (%(events)s > 0))'
        % { expected: expected, events: filled(row.events).expr },
      ]
      else []
    );
    local named = ['label_replace(%s, "part", "%d", "", "")' % [parts[i], i] for i in std.range(0, std.length(parts) - 1)];
    'clamp_min(max by (anomaly) (\n  %s\n), %g)' % [std.join('\n  or ', named), std.max(row.floor / row.sensitivity, 1e-9)],

  score:: '(%s - %s) / %s' % [r['anomaly:level'].name, r['anomaly:expected'].name, r['anomaly:expected_deviation'].name],

  bound(sign):: function(name, row)
    local width = '%g * %s' % [row.sensitivity, one('anomaly:expected_deviation', name)];
    if sign == '-' then 'clamp_min(%s - %s, 0)' % [one('anomaly:expected', name), width]
    else '%s + %s' % [one('anomaly:expected', name), width],

  // 1 above what is usual, -1 below it, 0 within it or on the side that does no harm.
  state(name, row)::
    local score = one('anomaly:score', name);
    local above = '(%s > bool %g)' % [score, row.sensitivity], below = '(%s < bool -%g)' % [score, row.sensitivity];
    if row.direction == 'up' then above
    else if row.direction == 'down' then '-1 * %s' % below
    else '%s - %s' % [above, below],

  // What has come in, but while it is out of the ordinary what was to be expected: an outage is not to be the next week's usual.
  // What lasts for most of three days is no longer an outage, and is learnt. Level and state are those of the evaluation before.
  learned::
    local last(record) = 'last_over_time(%s[10m])' % r[record].name;
    local odd = '(%s != 0 unless on (anomaly) abs(avg_over_time(%s[3d])) > 0.5)' % [last('anomaly:state'), r['anomaly:state'].name];
    |||
      (%(level)s unless on (anomaly) %(odd)s)
      or
      (%(expected)s and on (anomaly) %(odd)s)
    ||| % { level: last('anomaly:level'), expected: last('anomaly:expected'), odd: odd },

  records(rows)::
    local record(fields) = lib.rule.record({ labels: ['anomaly'] } + fields);
    {
      'anomaly:level': record({
        rules: each(rows, anomaly.level),
        help: 'The figure that is watched for anomalies, as it is now; absent while its source is not read.',
      }),
      'anomaly:learned': record({
        expr: anomaly.learned,
        help: 'What is remembered of the figure: what it was, or while it was out of the ordinary, what was to be expected.',
      }),
      'anomaly:before': record({
        rules: anomaly.before,
        labels: ['anomaly', 'week'],
        help: 'What was remembered of the figure around this hour of the week, one to four weeks ago.',
      }),
      'anomaly:expected': record({
        expr: anomaly.expected,
        help: 'What is usual at this hour of the week: the median of the last four weeks, or of what there is of them.',
      }),
      'anomaly:expected_deviation': record({
        rules: each(rows, anomaly.deviation),
        help: 'How far from what is usual the figure lies without anything being the matter.',
      }),
      'anomaly:score': record({
        expr: anomaly.score,
        help: 'How many usual deviations the figure lies above what is usual, or below it where negative.',
      }),
      'anomaly:lower': record({
        rules: each(rows, anomaly.bound('-')),
        help: 'The least that the figure may be without being out of the ordinary.',
      }),
      'anomaly:upper': record({
        rules: each(rows, anomaly.bound('+')),
        help: 'The most that the figure may be without being out of the ordinary.',
      }),
      'anomaly:state': record({
        rules: each(rows, anomaly.state),
        help: 'Whether the figure is out of the ordinary in the direction that is bad: 1 above, -1 below, 0 not.',
      }),
    },

  local shown = { '': 'humanize', ratio: 'humanizePercentage', seconds: 'humanizeDuration' },

  // sign-up-funnel: AnomalySignUpFunnel.
  alert_name(name):: 'Anomaly' + std.join('', [std.asciiUpper(word[0]) + word[1:] for word in std.split(name, '-')]),

  alerts(rows):: {
    [anomaly.alert_name(name)]: lib.rule.alert({
      local row = rows[name],
      priority: row.priority,
      domain: 'anomalies',
      service: name,
      dashboard: 'anomalies',
      dashboard_labels: ['anomaly'],
      expr: '%s\nand on (anomaly) %s != 0' % [one('anomaly:level', name), one('anomaly:state', name)],
      'for': row['for'],
      keep_firing_for: '10m',
      summary: { up: 'More than is usual at this hour: ', down: 'Less than is usual at this hour: ', both: 'Not what is usual at this hour: ' }[row.direction]
               + row.says + '.',
      description: (
        'It is {{ $value | %(shown)s }}; at this hour it is usually '
        + '{{ with query "%(expected)s" }}{{ . | first | value | %(shown)s }}{{ end }}.'
      ) % { shown: shown[row.unit], expected: std.strReplace(one('anomaly:expected', name), '"', "'") },
      impact: row.impact,
      action: row.action,
    })
    for name in std.objectFields(rows)
  },
}
