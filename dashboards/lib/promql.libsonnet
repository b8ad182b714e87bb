// PromQL from the catalogue's metrics. An expression is `{ expr, unit, help, labels, legend }`: it keeps its unit, its meaning
// and its labels through every step, so that a panel need not repeat them and a wrong one cannot be built:
//   a label that the metric does not have, a counter without rate, a quotient whose two sides never match.
//
// `where` is `{ label: value }`; a value starts with its operator (`=~`, `!~`, `!=`) unless it is to be equal.
function(lib)
  local units = import 'units.libsonnet';
  // Prometheus adds the labels of the target to what it scrapes; what rules make has those that they leave.
  local labels_of(metric) =
    local made_by_rules = metric.name == 'ALERTS' || std.member(metric.name, ':');
    local target = if made_by_rules then [] else ['job', 'instance'];
    metric.labels + [label for label in target if !std.member(metric.labels, label)];

  local matcher(label, value) =
    local operators = [operator for operator in ['=~', '!~', '!='] if std.startsWith(value, operator)];
    if operators == [] then '%s="%s"' % [label, value]
    else '%s%s"%s"' % [label, operators[0], value[2:]];

  local selector(metric, where, range='') =
    local known = labels_of(metric);
    local unknown = [label for label in std.objectFields(where) if !std.member(known, label)];
    if unknown != [] then error '%s has no label %s; it has %s' % [metric.name, unknown[0], std.join(', ', known)]
    else
      local matchers = [matcher(label, where[label]) for label in std.objectFields(where)];
      metric.name + (if matchers == [] then '' else '{' + std.join(', ', matchers) + '}') + range;

  local new(expr, unit, help, labels) = {
    expr: expr,
    unit: unit,
    help: help,
    labels: std.set(labels),
    // The label `job` says how a series was scraped, which no reader asks for.
    legend: std.join(' ', ['{{%s}}' % label for label in labels if label != 'job']),
  };

  local counted(metric) =
    if metric.type == 'gauge' then error '%s is a gauge: its rate means nothing' % metric.name else metric;

  local scoped(scope) = {
    local q = self,

    // The same functions, for series that also match `where` as far as they have its labels.
    within(where): scoped(scope + where),

    local from(metric, where, pattern, range='', unit=metric.unit) =
      local applying = { [label]: scope[label] for label in std.objectFields(scope) if std.member(labels_of(metric), label) };
      new(pattern % selector(metric, applying + where, range), unit, metric.help, labels_of(metric)),

    value(metric, where={}):
      if metric.type == 'counter' then error '%s is a counter: take its rate or its increase' % metric.name
      else from(metric, where, '%s'),
    rate(metric, where={}, over='$__rate_interval'):
      from(counted(metric), where, 'rate(%s)', '[%s]' % over, units.per(metric.unit, 'second')),
    per_minute(metric, where={}, over='$__rate_interval'):
      from(counted(metric), where, '60 * rate(%s)', '[%s]' % over, units.per(metric.unit, 'minute')),
    increase(metric, where={}, over='$__range'): from(counted(metric), where, 'increase(%s)', '[%s]' % over),
    // The mean over a time; of a metric that is 0 or 1, the share of it.
    average(metric, where={}, over='$__range', unit=metric.unit):
      from(metric, where, 'avg_over_time(%s)', '[%s]' % over, unit),
    // The slope of a gauge, per second.
    slope(metric, where={}, over='6h'): from(metric, where, 'deriv(%s)', '[%s]' % over, units.per(metric.unit, 'second')),

    // A gauge's value where a metric is given, an expression as it is.
    expression(of): if std.objectHas(of, 'name') then q.value(of) else of,

    local aggregate(operator, of, by, unit=null) =
      local e = q.expression(of);
      local unknown = std.setDiff(std.set(by), e.labels);
      if unknown != [] then error 'cannot aggregate by %s, which is not a label of %s' % [unknown[0], e.expr]
      else if units.is_money(e.unit) && std.setMember('currency', e.labels) && !std.member(by, 'currency') then
        error 'money of several currencies has no %s: aggregate %s by currency too' % [operator, e.expr]
      else new(
        operator + (if by == [] then '' else ' by (%s)' % std.join(', ', by)) + ' (' + e.expr + ')',
        if unit == null then e.unit else unit,
        e.help,
        by
      ),

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
        else ' on (%s) group_left ()' % std.join(', ', b.labels);
      if std.setDiff(b.labels, a.labels) != [] then
        error 'the right side has labels that the left lacks, so that no series would match:\n%s\n%s' % [a.expr, b.expr]
      else new(
        '(' + a.expr + ') ' + operator + matching + ' (' + b.expr + ')',
        unit,
        error 'say in the description what this means: %s %s %s' % [a.expr, operator, b.expr],
        a.labels
      ) { legend: a.legend },

    plus(left, right): binary('+', left, right, q.expression(left).unit),
    minus(left, right): binary('-', left, right, q.expression(left).unit),
    divide(part, whole, unit='ratio'): binary('/', part, whole, unit),

    // What is left of a share.
    rest(of): local e = q.expression(of); e { expr: '1 - (' + e.expr + ')' },
    // The age of what a timestamp marks.
    age(of): local e = q.expression(of); e { expr: 'time() - (' + e.expr + ')', unit: 'seconds' },
    between(of, least, greatest): local e = q.expression(of); e { expr: 'clamp(%s, %s, %s)' % [e.expr, least, greatest] },
    // 0 where nothing matches: for what is empty when all is well.
    or_zero(of): local e = q.expression(of); e { expr: '(' + e.expr + ') or on () vector(0)' },
  };

  scoped({})
