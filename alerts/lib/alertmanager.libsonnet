// Alertmanager's configuration, from the table of priorities: a route and a receiver for each priority, for each domain that
// goes elsewhere, and for each tier of the escalation.
function(lib) {
  local receivers = lib.config.receivers,
  local kinds = (import 'receivers.libsonnet')(lib),
  local people = std.filter(function(kind) kind != 'sentry', kinds.present(receivers)),
  local escalation = (import 'escalation.libsonnet')(lib, kinds),
  local hours = (import 'hours.libsonnet')(lib),

  // Those of the table that the configuration has; if it has none of them, everybody it has, so that no alert goes nowhere.
  // The webhook hears of everything.
  local told(wanted) =
    local present = [kind for kind in wanted if std.member(kinds.present(receivers), kind)];
    local chosen = if present == [] then people else present;
    assert chosen != [] : 'receivers: at least one is needed, or nobody is told of anything';
    std.set(chosen + [kind for kind in people if kind == 'webhook']),

  local receiver(name, wanted) =
    if wanted == ['heartbeat'] then kinds.heartbeat(name, receivers) else kinds.of(name, told(wanted), receivers),

  // What one priority's alerts of some domains share: the receiver, and that of `digests`, when.
  local domains(name) =
    local priority = lib.priorities[name];
    local digests = [digest for digest in hours.digests if digest.priority == name];
    local own = std.objectFields(priority.domains);
    local receiver_of(domain) = if std.member(own, domain) then '%s-%s' % [name, domain] else name;
    local digested = std.flattenArrays([digest.domains for digest in digests]);
    [
      { matchers: [hours.one_of('domain', chosen)], receiver: to } + digest.timing
      for digest in digests
      for to in std.set([receiver_of(domain) for domain in digest.domains])
      for chosen in [[domain for domain in digest.domains if receiver_of(domain) == to]]
    ] + [
      { matchers: ['domain="%s"' % domain], receiver: receiver_of(domain) } + hours.waiting(priority)
      for domain in own
      if !std.member(digested, domain)
    ],

  local route(name) =
    local priority = lib.priorities[name], below = domains(name);
    {
      matchers: ['priority="%s"' % name],
      receiver: name,
      group_by: priority.group_by,
      group_wait: priority.group_wait,
      group_interval: priority.group_interval,
      repeat_interval: priority.repeat_interval,
      [if below != [] then 'routes']: below,
    } + hours.waiting(priority),

  local names = std.objectFields(lib.priorities),

  global: { resolve_timeout: '5m' },
  templates: ['templates/*.tmpl'],
  time_intervals: hours.intervals,
  route: hours.quiet({
    // Alerts of somebody else's rules have no priority: somebody has to look at them today.
    receiver: 'P2',
    group_by: ['alertname'],
    group_wait: '1m',
    group_interval: '10m',
    repeat_interval: '12h',
    routes: escalation.routes + [route(name) for name in names],
  }),
  receivers: escalation.receivers + std.flattenArrays([
    [receiver(name, lib.priorities[name].receivers)] + [
      receiver('%s-%s' % [name, domain], lib.priorities[name].domains[domain])
      for domain in std.objectFields(lib.priorities[name].domains)
    ]
    for name in names
  ]),
  inhibit_rules: (import 'inhibition.libsonnet')(lib.config),
}
