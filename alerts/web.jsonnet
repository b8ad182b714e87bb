// Websites and other endpoints of one's own: do they answer as their users expect?
function(lib)
  local alert = lib.rule.alert;
  local m = lib.metrics;
  local limit = lib.limits.certificate_seconds;
  local web = { domain: 'web', service: 'website', dashboard: 'executive', dashboard_labels: [] };
  local certificate = web { labels: { symptom: 'certificate' } };
  local left = '(min by (instance) (%s) - time())' % m.probe_ssl_earliest_cert_expiry.name;
  {
    alerts: {
      // A minute is two polls of the default interval: one that fails may be the network's fault.
      WebsiteDown: alert(web {
        priority: 'P0',
        expr: 'max by (instance) (%s) == 0' % m.probe_success.name,
        'for': '1m',
        summary: 'A website or service does not answer as it should.',
        description: 'Probes of {{ $labels.instance }} have failed for a minute or more.',
        impact: 'Customers who try to use it see an error.',
        action: 'Open it yourself; look at the reason the probe gives, then at what was deployed last.',
      }),
      CertificateExpiring: alert(certificate {
        priority: 'P2',
        expr: '%s < %d' % [left, limit.warning],
        'for': '10m',
        summary: 'A certificate expires within weeks.',
        description: 'The certificate of {{ $labels.instance }} expires in {{ $value | humanizeDuration }}.',
        impact: 'Nothing yet; renewal that should have happened by itself did not.',
        action: 'Look why the renewal did not run, and run it.',
      }),
      CertificateExpiringSoon: alert(certificate {
        priority: 'P1',
        expr: '%s < %d' % [left, limit.critical],
        'for': '10m',
        summary: 'A certificate expires within days.',
        description: 'The certificate of {{ $labels.instance }} expires in {{ $value | humanizeDuration }}.',
        impact: 'From then on browsers and clients refuse to connect.',
        action: 'Renew the certificate by hand today.',
      }),
    },
  }
