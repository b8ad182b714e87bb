// What business alerts have in common: a figure counts only with enough events behind it, and against what is usual for it.
// All take and make expressions of lib.promql, and keep the value of the first.
function(lib) {
  local guard = self,
  local q = lib.promql,
  local on(by) = 'on (' + std.join(', ', by) + ')',
  local joined(left, operator, right, by) =
    local a = q.expression(left), b = q.expression(right);
    a { expr: '(' + a.expr + ')\n' + operator + ' ' + on(by) + ' (' + b.expr + ')', reads:: a.reads + b.reads },

  // Only where the condition has a series with the same labels; only where it has none.
  when(of, condition, by=['source']): q.when(of, condition, by),
  unless(of, condition, by=['source']): q.unless(of, condition, by),

  // Enough of something: what `when` asks for where a share of few would say little.
  enough(of, number): local e = q.expression(of); e { expr: '(%s) >= %g' % [e.expr, number] },

  // For what is divided by.
  positive(of): q.above(of, 0),

  // So many times as much.
  local scaled(of, number) = local e = q.expression(of); e { expr: '%g * (%s)' % [number, e.expr] },

  // Less than another figure; so many times less; more than so many times as much and a difference besides, so that little is
  // not counted for much.
  less(now, than, by=['source']): joined(now, '<', than, by),
  fallen(now, before, factor, by=['source']): guard.less(now, scaled(before, factor), by),
  risen(now, before, limit, by=['source']):
    local b = scaled(before, limit.factor);
    joined(now, '>', b { expr: '%g + %s' % [limit.difference, b.expr] }, by),

  // A count that is at least `limit.minimum` and `limit.factor` times the usual more. Without a past only the minimum is asked
  // for, so that the alert works from the first day.
  more(now, usual, limit, by=['source']):
    local a = q.expression(now), b = q.expression(usual);
    a {
      expr: '((%s) >= %g)\nunless %s (\n  (%s) < %s (%g + %g * (%s))\n)' % [
        a.expr,
        limit.minimum,
        on(by),
        a.expr,
        on(by),
        limit.minimum,
        limit.factor,
        b.expr,
      ],
      reads:: a.reads + b.reads,
    },

  // As `more`, where the usual is what the same two hours of yesterday or of this day last week brought, whichever is greater:
  // of the two one at least is a day like this one. `count` makes the count of a time, by functions that may look back.
  spike(count, minutes, limit, by=['source']):
    local before(ago) = q.times(count(q.ago(ago), '2h'), minutes / 120);
    local day = before('23h'), week = before('167h');
    local usual = day {
      expr: 'max by (%s) (label_replace(%s, "before", "day", "", "") or label_replace(%s, "before", "week", "", ""))' % [
        std.join(', ', by),
        day.expr,
        week.expr,
      ],
    };
    guard.more(count(q, '%dm' % minutes), usual, limit, by),

  // Nothing, where the same time of yesterday and of this day last week (if that is known) brought `minimum` or more: so many
  // that nothing is no chance. The value is that of yesterday. `around` is the time looked at then, and `day` and `week` say
  // how long ago it ended.
  stopped(count, over, around, day, week, minimum, by=['source']):
    local past(ago) = count(q.ago(ago), around);
    local none = count(q, over);
    guard.when(
      guard.unless(guard.enough(past(day), minimum), q.below(past(week), minimum), by),
      none { expr: '(%s) == 0' % none.expr },
      by
    ),
}
