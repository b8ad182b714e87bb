// Websites and other endpoints of one's own: do they answer as their users expect?
function(lib)
  local alert = lib.rule.alert;
  local m = lib.metrics;
  local q = lib.promql;
  local limits = lib.limits;
  local guard = (import 'lib/guard.libsonnet')(lib);
  local target = ['instance'];
  local web = { domain: 'web', service: 'website', dashboard: 'operations', dashboard_labels: [] };
  local certificate = web { labels: { symptom: 'certificate' } };
  local left = q.until(q.least(m.probe_ssl_earliest_cert_expiry, by=target));
  local mean(metric, where={}) = q.greatest(q.average(metric, where, over='5m'), by=target);
  {
    limits: {
      probe_duration_seconds: { warning: 2 },
      network_round_trip_seconds: { warning: 0.1 },
      name_resolution_seconds: { warning: 0.5 },
    },
    alerts: {
      // A minute is two polls of the default interval: one that fails may be the network's fault.
      WebsiteDown: alert(web {
        priority: 'P0',
        expr: lib.rule.is(q.greatest(m.probe_success, by=target), 0),
        'for': '1m',
        summary: 'A website or service does not answer as it should.',
        description: 'Probes of {{ $labels.instance }} have failed for a minute or more.',
        impact: 'Customers who try to use it see an error.',
        action: 'Open it yourself; look at the reason the probe gives, then at what was deployed last.',
      }),
      // One that does not answer at all is down, not slow.
      WebsiteSlow: alert(web {
        priority: 'P2',
        domain: 'performance',
        expr: guard.when(
          q.above(mean(m.probe_duration_seconds), limits.probe_duration_seconds.warning),
          lib.rule.is(q.greatest(m.probe_success, by=target), 1),
          by=target
        ),
        'for': '5m',
        keep_firing_for: '5m',
        summary: 'A website or service answers slowly.',
        description: 'Probes of {{ $labels.instance }} took {{ $value | humanizeDuration }} on average.',
        impact: 'Visitors wait, and some leave before the page is there.',
        action: 'See on the dashboard which phase takes the time: name, connection, TLS, or the server.',
      }),
      NetworkLatencyHigh: alert(web {
        priority: 'P2',
        domain: 'host',
        service: 'network',
        dashboard: 'hosts',
        expr: q.above(mean(m.probe_icmp_duration_seconds, { phase: 'rtt' }), limits.network_round_trip_seconds.warning),
        'for': '5m',
        keep_firing_for: '5m',
        summary: 'Packets take long to another host and back.',
        description: 'The way to {{ $labels.instance }} and back takes {{ $value | humanizeDuration }} on average.',
        impact: 'Everything that talks to it waits that much longer for each answer.',
        action: 'Trace the way (`mtr`), and look whether a link is full or the traffic takes a detour.',
      }),
      NameResolutionSlow: alert(web {
        priority: 'P3',
        expr: q.above(mean(m.probe_dns_lookup_time_seconds), limits.name_resolution_seconds.warning),
        'for': '10m',
        keep_firing_for: '10m',
        summary: 'Names are resolved slowly.',
        description: 'To resolve the name of {{ $labels.instance }} took {{ $value | humanizeDuration }} on average.',
        impact: 'Every first connection waits; a resolver that fails altogether stops them all.',
        action: 'Ask each name server of the host by itself (`dig @SERVER`); one of them does not answer.',
      }),
      CertificateExpiring: alert(certificate {
        priority: 'P2',
        expr: q.below(left, limits.certificate_seconds.warning),
        'for': '10m',
        summary: 'A certificate expires within weeks.',
        description: 'The certificate of {{ $labels.instance }} expires in {{ $value | humanizeDuration }}.',
        impact: 'Nothing yet; renewal that should have happened by itself did not.',
        action: 'Look why the renewal did not run, and run it.',
      }),
      CertificateExpiringSoon: alert(certificate {
        priority: 'P1',
        expr: q.below(left, limits.certificate_seconds.critical),
        'for': '10m',
        summary: 'A certificate expires within days.',
        description: 'The certificate of {{ $labels.instance }} expires in {{ $value | humanizeDuration }}.',
        impact: 'From then on browsers and clients refuse to connect.',
        action: 'Renew the certificate by hand today.',
      }),
    },
  }
