// When people are told of what can wait: in business hours, but not on holidays, and of some of it in one message an hour or a day.
// And when nobody is told: in planned work.
function(lib) {
  local hours = lib.config.business_hours,
  local digests = lib.config.digests,

  // Weeks of Alertmanager's begin on Sunday, those of people may not: a range past Saturday is written out.
  local names = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'],
  local weekdays(range) =
    local ends = [std.find(name, names)[0] for name in std.split(range, ':')];
    local first = ends[0], last = ends[std.length(ends) - 1];
    if first <= last then [range] else [names[number % 7] for number in std.range(first, last + 7)],
  local days = { weekdays: std.flatMap(weekdays, std.split(hours.days, ',')), location: hours.location },

  local minutes(clock) = std.parseInt(clock[:2]) * 60 + std.parseInt(clock[3:]),
  local clock(minutes) = '%02d:%02d' % [minutes / 60, minutes % 60],
  // The digest of the day is one message: within its hour it is looked after every 30 minutes, and repeated on the next day only.
  local until = minutes(digests.daily.at) + 60,

  // An empty list of Alertmanager's is no interval at all.
  local free = if hours.holidays == [] then {} else { mute_time_intervals: ['holidays'] },
  // Weekly, in UTC. What begins before midnight may end after it.
  local on(day, from, to) = if from == to then [] else [{
    weekdays: [names[day % 7]],
    times: [{ start_time: from, end_time: to }],
  }],
  local planned = std.mapWithIndex(function(index, work) {
    name: 'maintenance-%d' % index,
    muted: [{ label: 'slo', value: slo } for slo in std.get(work, 'slos', [])] +
           [{ label: 'service', value: service } for service in std.get(work, 'services', [])],
    time_intervals: std.flattenArrays([
      if minutes(work.from) < minutes(work.to) then on(day, work.from, work.to)
      else on(day, work.from, '24:00') + on(day + 1, '00:00', work.to)
      for day in work.days
    ]),
  }, lib.config.maintenance),
  local worked_on = std.set([muted for work in planned for muted in work.muted], std.toString),

  local daily = std.get(digests, 'daily') != null && digests.daily.domains != [],

  one_of(label, values):: if std.length(values) == 1 then '%s="%s"' % [label, values[0]] else '%s=~"%s"' % [label, std.join('|', values)],

  // A route inherits none of this.
  waiting(priority):: if priority.waits then { active_time_intervals: ['business-hours'] } + free else {},

  // A route, and those below it, silent in planned work on what an alert is about. A route that stays silent still takes alerts, so
  // what fires longer than the work lasts is told of when it ends.
  quiet(route):: route {
    [if worked_on != [] then 'routes']: [$.quiet(below) for below in std.get(route, 'routes', [])] + [
      {
        matchers: [$.one_of(about.label, [about.value])],
        [if std.objectHas(route, 'active_time_intervals') then 'active_time_intervals']: route.active_time_intervals,
        mute_time_intervals: std.get(route, 'mute_time_intervals', []) +
                             [work.name for work in planned if std.member(work.muted, about)],
      }
      for about in worked_on
    ],
  },

  digests:: std.filter(function(digest) digest.domains != [], [
    digests.hourly { timing: {
      group_by: ['priority'],
      group_wait: '5m',
      group_interval: '1h',
    } + $.waiting(lib.priorities[digests.hourly.priority]) },
    digests.daily { timing: {
      group_by: ['priority'],
      group_wait: '5m',
      group_interval: '30m',
      repeat_interval: '23h',
      active_time_intervals: ['daily-digest'],
    } + free },
  ]),

  intervals:
    assert minutes(hours.from) < minutes(hours.to) : 'business_hours: from has to be before to';
    assert until <= 24 * 60 : 'digests.daily.at: has to be 23:00 or before';
    (if std.length([name for name in std.objectFields(lib.priorities) if lib.priorities[name].waits]) > 0 then [{
       name: 'business-hours',
       time_intervals: [days { times: [{ start_time: hours.from, end_time: hours.to }] }],
     }] else []) +
    (if daily then [{
       name: 'daily-digest',
       time_intervals: [days { times: [{ start_time: digests.daily.at, end_time: clock(until) }] }],
     }] else []) +
    (if hours.holidays == [] then [] else [{
       name: 'holidays',
       time_intervals: [
         { years: [date[:4]], months: [date[5:7]], days_of_month: [date[8:]], location: hours.location }
         for date in hours.holidays
       ],
     }]) +
    [{ name: work.name, time_intervals: work.time_intervals } for work in planned if work.muted != []],
}
