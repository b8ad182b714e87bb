// Capacity: how well the machines do in one figure, whether services need more replicas, what they cost, and how long room lasts.
function(lib)
  local alert = lib.rule.alert;
  local q = lib.promql;
  local m = lib.metrics;
  local r = lib.records;
  local limits = lib.limits;
  local scaling = lib.config.scaling;
  local costs = lib.config.costs;
  local own = { source: lib.config.source };
  local requests = m.http_server_request_duration_seconds;
  local answered(where) =
    q.sum(q.rate(requests { name: requests.name + '_count', type: 'counter' }, where, over='5m')) { reads:: [requests.name] };

  // A part of the health score: 100 up to `fine`, 0 from `bad` on, a straight line between.
  local part(of, fine, bad) = '100 * clamp((%g - (%s)) / %g, 0, 1)' % [bad, of.expr, bad - fine];
  local job(name) = { job: name };
  local parts = {
    hosts: part(q.rest(q.mean(q.value(m.up, job(lib.config.jobs.node)))), 0, 0.5),
    processors: part(q.greatest(r['instance:node_cpu_used:ratio_rate5m']), 0.6, 1),
    memory: part(q.greatest(r['instance:node_memory_used:ratio']), 0.7, 0.95),
    disks: part(q.greatest(r['instance_mountpoint:node_filesystem_used:ratio']), 0.75, 0.97),
    database: part(q.rest(q.least(m.pg_up)), 0, 1),
    connections: part(q.greatest(r['instance:pg_connections:ratio']), 0.6, 1),
    websites: part(q.rest(q.mean(m.probe_success)), 0, 0.5),
    errors: part(q.divide(
      q.otherwise(
        answered({ http_response_status_code: '=~5..' }), answered({}) { expr: '0 * ' + super.expr }
      ),
      q.above(answered({}), 0)
    ), 0.001, 0.05),
    latency: part(q.quantile(0.95, requests, over='5m'), 0.2, 2),
  };

  // What a service uses of what its replicas take, by what it uses: 1 is all that the policy allows.
  local named(service) = { service_name: service };
  local containers(service) = { container_label_com_docker_compose_service: service };
  local uses(service) =
    local policy = { replicas: 1 } + scaling[service];
    {
      [if std.objectHas(policy, 'requests_per_second') then 'requests']:
        q.times(answered(named(service)), 1 / (policy.requests_per_second * policy.replicas)),
      [if std.objectHas(policy, 'latency_seconds') then 'latency']:
        q.times(q.quantile(0.95, requests, named(service), over='5m'), 1 / policy.latency_seconds),
      [if std.objectHas(policy, 'cpu_ratio') then 'processors']:
        q.times(
          q.sum(q.rate(m.container_cpu_usage_seconds_total, containers(service), over='5m')),
          1 / (policy.cpu_ratio * policy.replicas)
        ),
      // What waits or is being worked on, over what replicas at their limits would have in hand at a time (Little's law).
      [if std.objectHas(policy, 'requests_per_second') && std.objectHas(policy, 'latency_seconds') then 'queue']:
        q.times(
          q.sum(q.value(m.http_server_active_requests, named(service))),
          1 / (policy.requests_per_second * policy.latency_seconds * policy.replicas)
        ),
    };
  local declared(make) = std.flattenArrays([make(service) for service in std.objectFields(scaling)]);
  local use_of(service, reason, of) = { expr: of, sets: { workload: service, reason: reason } };
  // Hosts take part without a declaration: their limits are those at which alerts fire.
  local of_hosts = [
    use_of('hosts', 'processors', q.times(q.mean(r['instance:node_cpu_used:ratio_rate5m']), 1 / limits.host_cpu_ratio.warning)),
    use_of('hosts', 'memory', q.times(q.mean(r['instance:node_memory_used:ratio']), 1 / limits.host_memory_ratio.warning)),
  ];

  local left(forecast) = |||
    capacity:time_left:seconds{forecast="%s"} < %d
    and capacity:history:seconds{forecast="%s"} > %d
  ||| % [forecast, limits.capacity_left_seconds.warning, forecast, limits.capacity_left_seconds.history];
  local capacity = { domain: 'capacity', service: 'capacity', dashboard: 'capacity', dashboard_labels: [] };
  local money(fields) = lib.rule.record({ unit: 'currency', labels: ['workload', 'currency'] } + fields);
  local bills(make) = [
    { expr: make(service), sets: { workload: service, currency: costs[service].currency } }
    for service in std.objectFields(costs)
  ];
  {
    limits: {
      health_score: { warning: 60 },
      // Of what the policy allows; from there on a service needs another replica.
      capacity_use_ratio: { warning: 1 },
    },

    records: {
      'capacity:health:part': lib.rule.record({
        rules: [{ expr: parts[name], sets: { part: name } } for name in std.objectFields(parts)],
        help: 'A part of the health of the machines: 100 is as it should be, 0 as bad as it gets.',
        unit: '',
        labels: ['part'],
      }),
      // A mean alone would hide one part that is dead; the worst alone would hide that the others are well.
      'capacity:health:score': lib.rule.record({
        expr: '(min(%(part)s) + avg(%(part)s)) / 2' % { part: r['capacity:health:part'].name },
        help: 'Health of the machines, 0 to 100: halfway between the mean of its parts and the worst of them.',
        unit: '',
      }),

      'capacity:replicas:running': lib.rule.record({
        rules: [{ expr: q.count(q.value(m.up, job(lib.config.jobs.node))), sets: { workload: 'hosts' } }] + declared(function(service) [
          { expr: 'vector(%d)' % std.get(scaling[service], 'replicas', 1), sets: { workload: service } },
        ]),
        help: 'Replicas that a service has: as declared; of hosts, those that Prometheus scrapes.',
        unit: '',
        labels: ['workload'],
      }),
      'capacity:use:ratio': lib.rule.record({
        rules: of_hosts + declared(function(service)
          local all = uses(service);
          [use_of(service, reason, all[reason]) for reason in std.objectFields(all)]),
        help: 'What a service uses of what its replicas take by the declared policy; above 1 it needs more of them.',
        unit: 'ratio',
        labels: ['workload', 'reason'],
      }),
      'capacity:replicas:wanted': lib.rule.record({
        expr: 'clamp_min(ceil(max by (workload) (avg_over_time(%s[15m])) * on (workload) %s), 1)'
              % [r['capacity:use:ratio'].name, r['capacity:replicas:running'].name],
        help: 'Replicas that a service should have: those that it has, times the greatest of its uses over a quarter of an hour, rounded up.',
        unit: '',
        labels: ['workload'],
      }),
      'capacity:headroom:ratio': lib.rule.record({
        expr: '1 - max by (workload) (%s)' % r['capacity:use:ratio'].name,
        help: 'What a service could take on before it needs another replica, as a share of what its replicas take; below 0 it lacks one.',
        unit: 'ratio',
        labels: ['workload'],
      }),
    } + (if costs == {} then {} else {
           'capacity:cost:monthly': money({
             rules: bills(function(service) 'vector(%g)' % costs[service].monthly),
             help: 'What a service costs in a month, as declared.',
           }),
           'capacity:cost_per_customer:monthly': money({
             expr: '%s / on () group_left () (%s > 0)' % [
               r['capacity:cost:monthly'].name,
               q.sum(q.value(m.saas_customers, own { status: 'active' })).expr,
             ],
             help: 'What a service costs in a month / customers who pay.',
           }),
           'capacity:idle_cost:monthly': money({
             expr: '%s * on (workload) group_left () clamp(avg_over_time(%s[1d]), 0, 1)'
                   % [r['capacity:cost:monthly'].name, r['capacity:headroom:ratio'].name],
             help: 'What a service costs in a month * its headroom, mean of a day: what is paid for and not used. Only of services with a policy.',
           }),
         }),

    alerts: {
      DiskWillFill: alert(capacity {
        priority: 'P3',
        expr: left('disk'),
        'for': '6h',
        summary: 'A file system will be full within weeks.',
        description: '{{ $labels.mountpoint }} on {{ $labels.instance }} has no room left in {{ $value | humanizeDuration }} if it grows '
                     + 'as in the last two weeks.',
        impact: 'None yet; when it is full, writes fail.',
        action: 'Plan a larger disk, or shorten how long data are kept.',
      }),
      DatabaseWillFill: alert(capacity {
        priority: 'P3',
        expr: left('database-size'),
        'for': '6h',
        summary: 'The databases of a server will outgrow its space within weeks.',
        description: 'The databases at {{ $labels.instance }} reach the space that is set for them in {{ $value | humanizeDuration }} if '
                     + 'they grow as in the last two weeks.',
        impact: 'None yet; a full disk stops the database.',
        action: 'Find the tables that grow; delete or archive old rows, or enlarge the space.',
      }),
      ScalingNeeded: alert(capacity {
        priority: 'P3',
        expr: '%s > on (workload) %s' % [r['capacity:replicas:wanted'].name, r['capacity:replicas:running'].name],
        'for': '30m',
        keep_firing_for: '15m',
        summary: 'A service needs more replicas than it has.',
        description: '{{ $labels.workload }} needs {{ $value }} replicas by the declared policy.',
        impact: 'Answers get slower at the busiest times.',
        action: 'Add replicas, or find what made the load grow.',
      }),
      HealthLow: alert(capacity {
        priority: 'P2',
        expr: '%s < %g' % [r['capacity:health:score'].name, limits.health_score.warning],
        'for': '10m',
        keep_firing_for: '5m',
        summary: 'The machines are in a bad state as a whole.',
        description: 'The health score is {{ $value | printf "%.0f" }} of 100.',
        impact: 'The product is slow or partly down, or close to it.',
        action: 'Open the dashboard: the lowest part says where to look.',
      }),
    },
  }
