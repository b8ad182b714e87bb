// The watching itself: do figures arrive, and do alerts get through?
function(lib)
  local alert = lib.rule.alert;
  local m = lib.metrics;
  local monitoring = { domain: 'monitoring', service: 'exporter', dashboard: 'executive', dashboard_labels: [] };
  {
    alerts: {
      ExporterDown: alert(monitoring {
        priority: 'P2',
        expr: '%s{job="%s"} == 0' % [m.up.name, lib.config.jobs.bellwether],
        'for': '2m',
        summary: 'Bellwether does not answer Prometheus.',
        description: 'Prometheus cannot scrape Bellwether at {{ $labels.instance }}.',
        impact: 'Business figures stop, and the alerts that need them cannot fire.',
        action: 'Look at the log of the exporter, and start it.',
      }),
      CollectorFailing: alert(monitoring {
        priority: 'P2',
        expr: '%s == 0' % m.bellwether_collector_up.name,
        'for': '5m',
        summary: 'A collector has had no success for minutes.',
        description: 'The collector {{ $labels.collector }} of {{ $labels.instance }} fails at every poll.',
        impact: 'Its figures are old, then absent; the alerts that need them cannot fire.',
        action: 'Read the reason in bellwether_collector_failures_total and in the log, and mend what it names.',
      }),
      ConfigurationRejected: alert(monitoring {
        priority: 'P3',
        expr: '%s == 0' % m.bellwether_config_last_reload_successful.name,
        'for': '5m',
        summary: 'Bellwether could not read its changed settings.',
        description: 'Bellwether at {{ $labels.instance }} runs on with the settings it had before.',
        impact: 'The change does not take effect, and a restart would fail.',
        action: 'Run `bellwether check` on the settings file; it names the line.',
      }),
      // Fires only while samples arrive and rules run, so that its absence shows any of the two missing.
      Watchdog: alert(monitoring {
        priority: 'heartbeat',
        expr: 'time() - max(timestamp(%s)) < 60' % m.up.name,
        summary: 'Alerting works.',
        description: 'The newest sample is {{ $value | humanizeDuration }} old.',
        impact: 'None; trouble is when this alert stops.',
        action: 'None.',
      }),
    },
  }
