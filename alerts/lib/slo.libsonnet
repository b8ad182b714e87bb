// Objectives: from a row that counts errors and events, the rules that watch how fast its error budget is spent.
//
// An error budget is what an objective leaves: of 99.9 %, one event in a thousand may fail. The burn rate is the share that does
// fail over the share that may: at 1 the budget of thirty days lasts thirty days, at 14.4 an hour takes 2 % of it.
function(lib) {
  local slo = self,
  local m = lib.metrics,
  local r = lib.records,

  local day = 86400,
  local week = 7 * day,
  local month = 30 * day,
  // How long a figure of five minutes still shows what was before.
  local smear = 300,

  local limit = lib.limits.error_budget_burn,
  local required = ['objective', 'errors', 'total', 'help'],
  local defaults = { page: null, minimum: 20, money: null },

  // Expressions of lib.promql, or text in which `%(over)s` stands for the window, which is what YAML can say.
  local filled(of, over) =
    if std.isFunction(of) then of(over) else { expr: of % { over: over }, reads:: [] },

  // The rows of a table, as the configuration changes them, without those that nothing feeds.
  //
  // objective     the share of events that has to be good
  // errors, total functions of the window: how many events were bad, and how many there were
  // page          'P0' or 'P1' when spending fast wakes somebody, null when it can wait for the day
  // minimum       of fewer events than this in a window, its share says too little
  // money         null, or a function of the window: what the errors cost, by currency
  // help          which events count, and which of them are errors
  // services      of which the same is promised separately, with what differs there: a row for each, NAME-SERVICE. Only where
  //               errors and total take labels besides the window.
  table(rows)::
    // Null stands for `no` in a row, so that what is to go is left out here.
    local changes = { [name]: lib.config.slos[name] for name in std.objectFields(lib.config.slos) if lib.config.slos[name] != null };
    local given = std.mergePatch({ [name]: defaults + rows[name] for name in std.objectFields(rows) }, changes);
    local all = given + {
      [name + '-' + service]: slo.of_service(given[name], service) + changes[name].services[service]
      for name in std.objectFields(changes)
      for service in std.objectFields(std.get(changes[name], 'services', {}))
    };
    local reads(row) = filled(row.errors, '5m').reads + filled(row.total, '5m').reads;
    {
      [name]: slo.checked(name, defaults + all[name])
      for name in std.objectFields(all)
      if std.get(lib.config.slos, name, {}) != null && lib.all_fed(reads(all[name]))
    },

  of_service(row, service)::
    local of = { service_name: service };
    row { errors: function(over) row.errors(over, of), total: function(over) row.total(over, of) },

  checked(name, row)::
    local missing = [field for field in required if !std.objectHas(row, field)];
    local steepest = if row.page == null then limit.warning else limit.critical;
    assert missing == [] : 'objective %s lacks %s' % [name, std.join(', ', missing)];
    assert row.objective > 0 && row.objective < 1 : '%s: an objective is a share between 0 and 1' % name;
    assert std.member(['P0', 'P1', null], row.page) : '%s: only P0 and P1 page, not %s' % [name, row.page];
    assert steepest * (1 - row.objective) < 1 :
           '%s: with an objective of %g, errors can never come to %g times what it allows' % [name, row.objective, steepest];
    row,

  // One rule for each row, told apart by the label `slo`.
  each(rows, make, fields)::
    lib.rule.record(fields {
      labels: ['slo'],
      rules: [{ expr: make(name), sets: { slo: name } } for name in std.objectFields(rows)],
    }),

  // Whether the time lies in planned work on an objective: a vector with an element, or without one. Weeks begin on Sunday; the
  // days since 1970-01-01, a Thursday, are counted so that they do too. `still` is how much longer.
  planned(name, still=0)::
    local clock(text) = std.parseInt(text[0:2]) * 3600 + std.parseInt(text[3:5]) * 60;
    local windows = [
      local from = clock(window.from), to = clock(window.to);
      {
        shift: (4 * day + week - d * day - from) % week,
        length: (if to > from then to - from else to - from + day) + still,
      }
      for window in lib.config.maintenance
      if std.member(std.get(window, 'slos', []), name)
      for d in window.days
    ];
    [
      'vector((time() + %(shift)d) %% %(week)d) < %(length)d' % (window { week: week })
      for window in windows
    ],

  // Nothing is counted in planned work, nor while a figure of five minutes still shows it.
  counted(name, expr)::
    local planned = slo.planned(name, smear);
    if planned == [] then expr
    else '(%s)\nunless on () (\n  %s\n)' % [expr, std.join('\n  or ', planned)],

  total(name, row):: slo.counted(name, filled(row.total, '5m').expr),
  // Where nothing failed there may be no series of failures at all: that is none.
  errors(name, row):: slo.counted(
    name, '(%s)\nor\n0 * (%s)' % [filled(row.errors, '5m').expr, filled(row.total, '5m').expr]
  ),
  money(row):: filled(row.money, '5m').expr,

  // The share of errors in a window of up to some hours. The mean of counts over the mean of counts is their sum over their sum:
  // a busy minute weighs more than a quiet one, as it does not in a mean of shares.
  ratio(window)::
    'avg_over_time(%s[%s])\n/ (avg_over_time(%s[%s]) > 0)'
    % [r['slo:errors:increase5m'].name, window, r['slo:total:increase5m'].name, window],

  // Events in a longer window: figures of five minutes, one every five minutes, add up. They lie in a series for each month.
  long(metric, window, ago=null)::
    'sum by (slo) (sum_over_time(%s[%s]%s))' % [metric.name, window, if ago == null then '' else ' offset ' + ago],
  long_ratio(window)::
    '%s\n/ (%s > 0)' % [slo.long(r['slo:errors:events5m'], window), slo.long(r['slo:total:events5m'], window)],

  allowed:: '(1 - %s)' % r['slo:objective:ratio'].name,
  // The share of its events that an objective lets fail, of thirty days, that did.
  spent:: '%s\n/ (%s * %s > 0)' % [
    slo.long(r['slo:errors:events5m'], '30d'),
    slo.allowed,
    slo.long(r['slo:total:events5m'], '30d'),
  ],
  // The same of this calendar month (UTC), as if it came to have as many events as the last thirty days.
  spent_of_month::
    |||
      sum by (slo) (
        sum_over_time(%s[31d])
        and on (month) count_values("month", month())
      )
      / (
        %s * %s
        * scalar(days_in_month()) / 30 > 0
      )
    ||| % [r['slo:errors:events5m'].name, slo.allowed, slo.long(r['slo:total:events5m'], '30d')],
  month_seconds:: month,

  // How many times faster than allowed, where that is more than a factor both over the long window and, so that it ends soon
  // after the errors do, over the short one; and where events and errors are not just a few.
  burning(long, short, factor, names=null)::
    local only = if names == null then '' else '{slo=~"%s"}' % std.join('|', names);
    |||
      %(long)s%(only)s / %(allowed)s > %(factor)g
      and on (slo) %(short)s / %(allowed)s > %(factor)g
      and on (slo) %(enough)s
    ||| % {
      long: r['slo:error_ratio:rate' + long].name,
      short: r['slo:error_ratio:rate' + short].name,
      only: only,
      allowed: slo.allowed,
      factor: factor,
      enough: slo.enough(long),
    },

  // More events than a row's minimum in a window, and more errors than bad luck has. What five minutes have is known at once, what
  // longer windows have up to five minutes later; the shortest must not wait for that.
  enough(window)::
    local least(now, sums, number) =
      local long = '%s >= %s' % [slo.long(sums, window), number];
      if window == '1h' then '(%s >= %s or %s)' % [now.name, number, long] else '(%s)' % long;
    '(\n  %s\n  and on (slo) %s\n)' % [
      least(r['slo:total:increase5m'], r['slo:total:events5m'], r['slo:minimum:events'].name),
      least(r['slo:errors:increase5m'], r['slo:errors:events5m'], '%g' % limit.minimum_errors),
    ],
}
