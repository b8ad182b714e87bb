// PromQL from the catalogue's metrics. An expression is `{ expr, unit, help, labels, legend }`: it keeps its unit, its meaning
// and its labels through every step, so that a panel need not repeat them and a wrong one cannot be built:
//   a label that the metric does not have, a counter without rate, a quotient whose two sides never match.
// Hidden, it also keeps the names of what it `reads`, so that nothing is shown of a collector that is not there.
//
// `where` is `{ label: value }`; a value starts with its operator (`=~`, `!~`, `!=`) unless it is to be equal.
function(lib)
  local units = import 'units.libsonnet';
  // Prometheus adds the labels of the target to what it scrapes; what rules make has those that they leave.
  local made_by_rules(metric) = metric.name == 'ALERTS' || std.member(metric.name, ':');
  local labels_of(metric) =
    local target = if made_by_rules(metric) then [] else ['job', 'instance'];
    metric.labels + [label for label in target if !std.member(metric.labels, label)];
  // Of what a configuration's further selector asks for, ALERTS and what rules make know nothing.
  local everywhere(metric) = if made_by_rules(metric) then {} else lib.config.selector;

  local matcher(label, value) =
    local operators = [operator for operator in ['=~', '!~', '!='] if std.startsWith(value, operator)];
    if operators == [] then label + '="' + value + '"'
    else label + operators[0] + '"' + value[2:] + '"';

  local selector(metric, where, suffix, range) =
    local known = labels_of(metric);
    local unknown = [label for label in std.objectFields(where) if !std.member(known, label)];
    if unknown != [] then error '%s has no label %s; it has %s' % [metric.name, unknown[0], std.join(', ', known)]
    else
      local all = everywhere(metric) + where;
      local matchers = [matcher(label, all[label]) for label in std.objectFields(all)];
      metric.name + suffix + (if matchers == [] then '' else '{' + std.join(', ', matchers) + '}') + range;

  // As people write it: Jsonnet's own text of 0.9 is 0.90000000000000002.
  local number(of) = if std.isString(of) || std.floor(of) == of then '' + of else std.format('%.10g', of);

  // What a metric means, with the window that was chosen: `within the window` is then `within the 7 days`.
  local windows = { '1h': 'hour', '15m': '15 minutes', '1d': '24 hours' };
  local meaning(metric, where) =
    local window = std.get(where, 'window', '');
    if std.member(metric.labels, 'window') && std.length(window) > 1 && !std.startsWith(window, '=') then
      std.strReplace(metric.help, 'the window', 'the ' + std.get(windows, window, std.rstripChars(window, 'd') + ' days'))
    else metric.help;

  // Counts are whole, though `increase` estimates them.
  local like(e) = if std.objectHasAll(e, 'whole') then { whole:: true } else {};

  local new(expr, unit, help, labels, reads) = {
    expr: expr,
    unit: unit,
    help: help,
    labels: std.set(labels),
    // The label `job` says how a series was scraped, which no reader asks for.
    legend: std.join(' ', ['{{' + label + '}}' for label in labels if label != 'job']),
    reads:: reads,
  };

  local counted(metric) =
    if metric.type == 'gauge' then error '%s is a gauge: its rate means nothing' % metric.name else metric;
  local spread(metric) =
    if metric.type == 'histogram' then metric else error '%s is a %s: only a histogram has quantiles' % [metric.name, metric.type];

  // `past` is how long ago: an offset that each selector gets.
  local scoped(scope, past='') = {
    local q = self,

    // The same functions, for series that also match `where` as far as they have its labels.
    within(where): scoped(scope + where, past),
    // The same functions, for figures as they were: `q.ago('7d').value(m.saas_users)`.
    ago(time): scoped(scope, ' offset ' + time),

    local with_bound(e) = e { labels: std.set(e.labels + ['le']) },
    local from(metric, where, pattern, range='', unit=metric.unit, suffix='') =
      local applying = { [label]: scope[label] for label in std.objectFields(scope) if std.member(labels_of(metric), label) };
      // Here and below not by `%`, which Jsonnet is slow at.
      new(
        std.strReplace(pattern, '%s', selector(metric, applying + where, suffix, range) + past),
        unit,
        meaning(metric, applying + where),
        labels_of(metric),
        [metric.name],
      ),

    value(metric, where={}):
      if metric.type == 'counter' then error '%s is a counter: take its rate or its increase' % metric.name
      else from(metric, where, '%s'),
    rate(metric, where={}, over='$__rate_interval'):
      from(counted(metric), where, 'rate(%s)', '[' + over + ']', units.per(metric.unit, 'second')),
    per_minute(metric, where={}, over='$__rate_interval'):
      from(counted(metric), where, '60 * rate(%s)', '[' + over + ']', units.per(metric.unit, 'minute')),
    increase(metric, where={}, over='$__range'):
      from(counted(metric), where, 'increase(%s)', '[' + over + ']') + (if metric.unit == '' then { whole:: true } else {}),
    // The same of counters that a process keeps from its start, and that its target shows from their first event on: to `increase`
    // the first sample of a series is no event. Here all that it counts is new, where the target was scraped when the window
    // began and the series was not there. One that was there an hour ago may only have been away, as all are that a collector of
    // telemetry shows while it hears nothing of its application: what such a series counts is not new.
    gained(metric, where={}, over='5m'):
      local e = q.increase(metric, where, over);
      local now = from(counted(metric), where, '%s').expr;
      local scraped = from(lib.metrics.up, {}, '%s').expr + ' offset ' + over + ' == 1';
      e {
        expr: now + '\nand on (job, instance) ' + scraped + '\nunless ' + now + ' offset ' + over + '\nunless ' + now
              + ' offset 1h\nor ' + e.expr,
      },
    // The mean over a time; of a metric that is 0 or 1, the share of it.
    average(metric, where={}, over='$__range', unit=metric.unit):
      from(metric, where, 'avg_over_time(%s)', '[' + over + ']', unit),
    greatest_over(metric, where={}, over='$__range'): from(metric, where, 'max_over_time(%s)', '[' + over + ']'),
    least_over(metric, where={}, over='$__range'): from(metric, where, 'min_over_time(%s)', '[' + over + ']'),
    // How much a gauge rose, or fell.
    change(metric, where={}, over='$__range'): from(metric, where, 'delta(%s)', '[' + over + ']'),
    // What a gauge will be in so many seconds if it goes on as in the time given: a straight line.
    foreseen(metric, seconds, where={}, over='7d'):
      from(metric, where, 'predict_linear(%s, ' + number(seconds) + ')', '[' + over + ']'),
    // The value below which a share of the observations lies, in a histogram that counts since its start.
    quantile(share, metric, where={}, by=[], over='$__rate_interval'):
      q.of_buckets(share, q.sum(with_bound(from(spread(metric), where, 'rate(%s)', '[' + over + ']', suffix='_bucket')), by=by + ['le'])),
    // The same in a histogram that stands for a window of its own, as those of packs do.
    quantile_now(share, metric, where={}, by=[]):
      q.of_buckets(share, q.sum(with_bound(from(spread(metric), where, '%s', suffix='_bucket')), by=by + ['le'])),
    // How many observations such a histogram holds.
    observations(metric, where={}): from(spread(metric), where, '%s', unit='', suffix='_count'),
    // Observations per second of a histogram that counts since its start.
    observed(metric, where={}, over='$__rate_interval'):
      from(spread(metric), where, 'rate(%s)', '[' + over + ']', unit='/second', suffix='_count'),
    // The mean of the observations of a histogram or summary that counts since its start.
    mean_of(metric, where={}, by=[], over='$__rate_interval'):
      local part(suffix) = q.sum(from(metric, where, 'rate(%s)', '[' + over + ']', suffix=suffix), by=by);
      q.divide(part('_sum'), part('_count'), unit=metric.unit) { help: metric.help },
    // Observations by bucket, for a heat map.
    buckets(metric, where={}, over='$__rate_interval'):
      q.sum(with_bound(from(spread(metric), where, 'increase(%s)', '[' + over + ']', unit='', suffix='_bucket')), by=['le']),
    buckets_now(metric, where={}): q.sum(with_bound(from(spread(metric), where, '%s', unit='', suffix='_bucket')), by=['le']),
    // The slope of a gauge, per second.
    slope(metric, where={}, over='6h'): from(metric, where, 'deriv(%s)', '[' + over + ']', units.per(metric.unit, 'second')),

    // A gauge's value where a metric is given, an expression as it is.
    expression(of): if std.objectHas(of, 'name') then q.value(of) else of,

    local aggregate(operator, of, by, unit=null) =
      local e = q.expression(of);
      local unknown = std.setDiff(std.set(by), e.labels);
      if unknown != [] then error 'cannot aggregate by %s, which is not a label of %s' % [unknown[0], e.expr]
      else if units.is_money(e.unit) && std.setMember('currency', e.labels) && !std.member(by, 'currency') then
        error 'money of several currencies has no %s: aggregate %s by currency too' % [operator, e.expr]
      else new(
        operator + (if by == [] then '' else ' by (' + std.join(', ', by) + ')') + ' (' + e.expr + ')',
        if unit == null then e.unit else unit,
        e.help,
        by,
        e.reads
      ) + like(e),

    sum(of, by=[]): aggregate('sum', of, by),
    mean(of, by=[]): aggregate('avg', of, by),
    greatest(of, by=[]): aggregate('max', of, by),
    least(of, by=[]): aggregate('min', of, by),
    count(of, by=[]): aggregate('count', of, by, unit=''),

    // Two sides match on the labels they share; the left may have more. Anything else would find no pairs.
    local binary(operator, left, right, unit) =
      local a = q.expression(left), b = q.expression(right);
      local matching =
        if a.labels == b.labels then ''
        else if b.labels == [] then ' on ()' + (if a.labels == [] then '' else ' group_left ()')
        else ' on (' + std.join(', ', b.labels) + ') group_left ()';
      if std.setDiff(b.labels, a.labels) != [] then
        error 'the right side has labels that the left lacks, so that no series would match:\n%s\n%s' % [a.expr, b.expr]
      else new(
        '(' + a.expr + ') ' + operator + matching + ' (' + b.expr + ')',
        unit,
        error 'say in the description what this means: %s %s %s' % [a.expr, operator, b.expr],
        a.labels,
        a.reads + b.reads
      ) { legend: a.legend },

    of_buckets(share, of)::
      local e = q.expression(of), left = std.filter(function(label) label != 'le', e.labels);
      new('histogram_quantile(' + number(share) + ', ' + e.expr + ')', e.unit, e.help, left, e.reads),

    plus(left, right): binary('+', left, right, q.expression(left).unit),
    minus(left, right): binary('-', left, right, q.expression(left).unit),
    divide(part, whole, unit='ratio'): binary('/', part, whole, unit),

    // Those with the greatest values, or the least.
    top(many, of): local e = q.expression(of); e { expr: 'topk(' + many + ', ' + e.expr + ')' },
    bottom(many, of): local e = q.expression(of); e { expr: 'bottomk(' + many + ', ' + e.expr + ')' },
    // Only what is above a number, or below it.
    above(of, limit): local e = q.expression(of); e { expr: '(' + e.expr + ') > ' + number(limit) },
    below(of, limit): local e = q.expression(of); e { expr: '(' + e.expr + ') < ' + number(limit) },
    // So many times as much: of shares per cent, of seconds minutes.
    times(of, factor, unit=null):
      local e = q.expression(of);
      e { expr: number(factor) + ' * (' + e.expr + ')', unit: if unit == null then e.unit else unit },
    // The left side, and what the right side has for label sets that the left lacks.
    otherwise(left, right):
      local a = q.expression(left), b = q.expression(right);
      if a.labels != b.labels then error 'both sides need the same labels:\n%s\n%s' % [a.expr, b.expr]
      else a { expr: '(' + a.expr + ') or (' + b.expr + ')', reads:: a.reads + b.reads },
    // Only those for which a condition has a series with the same of these labels, or has none.
    local where_there(operator, of, condition, by) =
      local a = q.expression(of), b = q.expression(condition);
      local unknown = [label for label in by if !std.member(a.labels, label) || !std.member(b.labels, label)];
      if unknown != [] then error 'one of both lacks the label %s:\n%s\n%s' % [unknown[0], a.expr, b.expr]
      else a { expr: '(' + a.expr + ')\n' + operator + ' on (' + std.join(', ', by) + ') (' + b.expr + ')', reads:: a.reads + b.reads },
    when(of, condition, by): where_there('and', of, condition, by),
    unless(of, condition, by): where_there('unless', of, condition, by),
    // The mean of shares, each of which counts as much as there are things that it is a share of.
    weighted(shares, sizes):
      local a = q.expression(shares), b = q.expression(sizes);
      if a.labels != b.labels then error 'both sides need the same labels:\n%s\n%s' % [a.expr, b.expr]
      else new(
        'sum ((' + a.expr + ') * (' + b.expr + ')) / sum ((' + b.expr + ') and (' + a.expr + '))', a.unit, a.help, [], a.reads + b.reads
      ),
    // What is seldom observed, over a quarter of an hour, so that each moment has a value; none where nothing was.
    lately(of):
      local e = q.expression(of);
      e { expr: '(' + std.strReplace(std.strReplace(e.expr, 'rate(', 'increase('), '$__rate_interval', '15m') + ') > 0' },
    // What is left of a share.
    rest(of): local e = q.expression(of); e { expr: '1 - (' + e.expr + ')' },
    // How long until what a timestamp marks.
    until(of): local e = q.expression(of); e { expr: '(' + e.expr + ') - time()', unit: 'seconds' },
    // The age of what a timestamp marks.
    age(of): local e = q.expression(of); e { expr: 'time() - (' + e.expr + ')', unit: 'seconds' },
    between(of, least, greatest): local e = q.expression(of); e { expr: 'clamp(' + e.expr + ', ' + number(least) + ', ' + number(greatest) + ')' },
    // 0 where nothing matches: for what is empty when all is well. Where series have names, that of the 0 is `none`.
    or_zero(of):
      local e = q.expression(of);
      local name = [label for label in e.labels if e.legend != '' && label != 'job'];
      local zero = if name == [] then 'vector(0)' else 'label_replace(vector(0), "' + name[0] + '", "none", "", "")';
      e { expr: '(' + e.expr + ') or on () ' + zero },
  };

  scoped({})
