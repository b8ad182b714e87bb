// Who is told next while nobody acknowledges an alert. Alertmanager has no escalation, but a group waits before it is told of: a
// tier is a route beside the priority's own that waits longer. What is resolved or silenced until then never reaches it, so a
// silence is the acknowledgement.
function(lib, kinds) {
  local tiers = lib.config.escalation,
  local patched(tier) = {
    [kind]: std.mergePatch(lib.config.receivers[kind], tier.receivers[kind])
    for kind in std.objectFields(tier.receivers)
    if std.get(lib.config.receivers, kind) != null && tier.receivers[kind] != null
  },
  // As everywhere, the webhook hears of it too.
  local of(tier) =
    local receivers = { [kind]: lib.config.receivers[kind] for kind in kinds.present(lib.config.receivers) if kind == 'webhook' };
    receivers + patched(tier),

  // A tier nobody of whom can be reached is none.
  local names = [
    name
    for name in std.objectFields(tiers)
    if tiers[name] != null && kinds.present(of(tiers[name])) != []
  ],

  routes: [
    {
      matchers: ['priority=~"%s"' % std.join('|', tiers[name].priorities)],
      receiver: 'escalation-%s' % name,
      // Each alert by itself: one that comes to a group that is there already does not wait.
      group_by: ['...'],
      group_wait: tiers[name].after,
      group_interval: '5m',  // its end is told soon to those who were told of it
      repeat_interval: '4h',
      continue: true,
    }
    for name in names
  ],
  receivers: [kinds.of('escalation-%s' % name, kinds.present(of(tiers[name])), of(tiers[name])) for name in names],
}
