// The watching itself: do figures arrive, and do alerts get through?
function(lib)
  local alert = lib.rule.alert;
  local is = lib.rule.is;
  local m = lib.metrics;
  local q = lib.promql;
  local limits = lib.limits;
  local guard = (import 'lib/guard.libsonnet')(lib);
  local monitoring = { domain: 'monitoring', service: 'exporter', dashboard: 'exporter', dashboard_labels: [] };
  local alerting = monitoring { dashboard: 'alerts' };
  local each = ['instance', 'collector'];
  local jobs = lib.config.jobs;
  // Those that have an alert of their own: ExporterDown and HostDown.
  local watched = std.setDiff(std.set(std.objectValues(jobs)), std.set([jobs.bellwether, jobs.node]));
  {
    limits: {
      // A source that has missed `polls` of its polls, and at least so many seconds.
      source_stale: { warning: 900, polls: 3 },
      alerts_firing: { warning: 15 },
    },
    alerts: {
      ExporterDown: alert(monitoring {
        priority: 'P2',
        expr: is(q.value(m.up, { job: lib.config.jobs.bellwether }), 0),
        'for': '2m',
        summary: 'Bellwether does not answer Prometheus.',
        description: 'Prometheus cannot scrape Bellwether at {{ $labels.instance }}.',
        impact: 'Business figures stop, and the alerts that need them cannot fire.',
        action: 'Look at the log of the exporter, and start it.',
      }),
      // Instances come and go with each release: only all of them together are the application, and one that starts anew is back
      // within two minutes. What never answered is not there yet, or is no such application: TargetDown tells that.
      ApplicationDown: alert(monitoring {
        priority: 'P0',
        domain: 'web',
        service: 'application',
        dashboard: 'technical',
        expr: guard.when(
          is(q.greatest(q.value(m.up, { job: jobs.app }), by=['job']), 0),
          q.above(q.greatest(q.greatest_over(m.up, { job: jobs.app }, over='7d'), by=['job']), 0),
          by=['job']
        ),
        'for': '2m',
        summary: 'No instance of the application answers Prometheus.',
        description: 'Prometheus can scrape no instance of the job {{ $labels.job }}.',
        impact: 'Customers most probably cannot use the product, and nothing is known of its requests.',
        action: 'Open the product yourself; look whether its instances run, and at what was deployed last.',
      }),
      // Longer than a host or an exporter takes that is down: it is told of by its own alert.
      TargetDown: alert(monitoring {
        priority: 'P2',
        service: '{{ $labels.job }}',
        expr: is(q.value(m.up, { job: '=~' + std.join('|', watched) }), 0),
        'for': '10m',
        summary: 'Something that Prometheus scrapes does not answer.',
        description: 'Prometheus cannot scrape {{ $labels.instance }} of the job {{ $labels.job }}.',
        impact: 'Its figures are missing, and the alerts that need them cannot fire.',
        action: "Read the error on Prometheus's page of targets, then start what does not run.",
      }),
      CollectorFailing: alert(monitoring {
        priority: 'P2',
        expr: is(m.bellwether_collector_up, 0),
        'for': '5m',
        summary: 'A collector has had no success for minutes.',
        description: 'The collector {{ $labels.collector }} of {{ $labels.instance }} fails at every poll.',
        impact: 'Its figures are old, then absent; the alerts that need them cannot fire.',
        action: 'Read the reason in bellwether_collector_failures_total and in the log, and mend what it names.',
      }),
      PackFailing: alert(monitoring {
        priority: 'P2',
        expr: is(q.greatest(m.bellwether_pack_up, by=['instance', 'source', 'pack']), 0),
        'for': '10m',
        summary: 'Business figures of one kind cannot be read.',
        description: 'The pack {{ $labels.pack }} of {{ $labels.source }} has not answered all its queries for ten minutes or more.',
        impact: 'Its figures are old, then absent; the alerts that need them cannot fire.',
        action: 'Read the reason in bellwether_pack_error and in the log: a view that changed, a right, or time.',
      }),
      // How often a collector is polled is its own affair: its polls tell.
      SourceStale: alert(monitoring {
        priority: 'P2',
        labels: { source: '{{ $labels.collector }}' },  // mutes what figures of that source say
        local limit = limits.source_stale,
        local age = q.age(q.greatest(m.bellwether_collector_last_success_timestamp_seconds, by=each)),
        // The last day tells it of those that are polled seldom, the last hour of those that have just begun.
        local missed(age, over) =
          local polls = q.greatest(q.rate(m.bellwether_collector_polls_total, over=over), by=each);
          q.above(age { expr: '(%s) * on (instance, collector) (%s)' % [age.expr, polls.expr], reads:: age.reads + polls.reads }, limit.polls),
        expr: guard.when(
          q.above(age, limit.warning),
          q.otherwise(missed(q.between(age, 0, 3600), '1h'), missed(age, '1d')),
          by=each
        ),
        'for': '5m',
        // No longer than a scrape or two that fail: as long as it goes on, the source's figures mute others though they are new.
        keep_firing_for: '5m',
        summary: 'The figures of a source are old.',
        description: 'The figures of {{ $labels.collector }} are {{ $value | humanizeDuration }} old.',
        impact: 'Dashboards show the past, and the alerts on these figures keep silent.',
        action: 'Run `bellwether check` on the settings: it says whether the source can be read, and if not why.',
      }),
      ConfigurationRejected: alert(monitoring {
        priority: 'P3',
        expr: is(m.bellwether_config_last_reload_successful, 0),
        'for': '5m',
        summary: 'Bellwether could not read its changed settings.',
        description: 'Bellwether at {{ $labels.instance }} runs on with the settings it had before.',
        impact: 'The change does not take effect, and a restart would fail.',
        action: 'Run `bellwether check` on the settings file; it names the line.',
      }),
      SeriesDropped: alert(monitoring {
        priority: 'P3',
        expr: q.above(q.sum(q.increase(m.bellwether_collector_dropped_series_total, over='15m'), by=each + ['reason']), 0),
        keep_firing_for: '15m',
        summary: 'Figures of a collector are left out.',
        description: 'Of {{ $labels.collector }} {{ printf "%.0f" $value }} series were refused within 15 minutes, by reason: '
                     + '{{ $labels.reason }}.',
        impact: 'Sums and tables lack what was left out.',
        action: 'For `budget` raise the limit or ask for fewer labels; for other reasons mend what makes the series.',
      }),
      PersonalDataRedacted: alert(monitoring {
        priority: 'P2',
        domain: 'privacy',
        expr: q.above(q.sum(q.increase(m.bellwether_collector_redacted_series_total, over='15m'), by=each), 0),
        keep_firing_for: '15m',
        summary: 'A source puts personal data or credentials into labels.',
        description: 'In {{ printf "%.0f" $value }} series of {{ $labels.collector }} a value was replaced within 15 minutes, since '
                     + 'it looked like personal data or a credential.',
        impact: 'Nothing has leaked from here; what makes such labels may leak them elsewhere.',
        action: 'Find the label in the log, and mend the query or the application that fills it.',
      }),
      PrometheusRulesFail: alert(alerting {
        priority: 'P1',
        service: 'prometheus',
        expr: q.above(
          q.sum(q.increase(m.prometheus_rule_evaluation_failures_total, over='5m'), by=['instance', 'rule_group']), 0
        ),
        'for': '5m',
        summary: 'Prometheus cannot evaluate rules.',
        description: 'In the group {{ $labels.rule_group }} {{ printf "%.0f" $value }} evaluations failed within five minutes.',
        impact: 'The alerts of the group do not fire, whatever happens.',
        action: "Read the error on Prometheus's page of rules: as a rule two series match where one was expected.",
      }),
      // Told by what still works: one of several Alertmanagers, or the heartbeat that stays away.
      PrometheusCannotNotify: alert(alerting {
        priority: 'P0',
        service: 'prometheus',
        expr: q.above(q.sum(q.increase(m.prometheus_notifications_dropped_total, over='5m'), by=['instance']), 0),
        'for': '2m',
        summary: 'Prometheus cannot hand alerts to Alertmanager.',
        description: 'Prometheus at {{ $labels.instance }} dropped {{ printf "%.0f" $value }} alerts within five minutes.',
        impact: 'Nobody is told of anything that happens now.',
        action: 'Start Alertmanager, or mend its address in the configuration of Prometheus; until then watch.',
      }),
      NotificationsNotDelivered: alert(alerting {
        priority: 'P1',
        service: 'alertmanager',
        expr: q.above(
          q.sum(q.increase(m.alertmanager_notifications_failed_total, over='10m'), by=['instance', 'integration']), 0
        ),
        'for': '5m',
        summary: 'Notifications do not reach a receiver.',
        description: '{{ printf "%.0f" $value }} notifications by {{ $labels.integration }} failed within ten minutes.',
        impact: 'Those who are told by it do not hear of alerts.',
        action: "Read the reason in Alertmanager's log: a key that was revoked, an address that changed, a mail server.",
      }),
      TooManyAlerts: alert(alerting {
        priority: 'P2',
        service: 'alertmanager',
        expr: q.above(
          q.sum(q.value(m.ALERTS, { alertstate: 'firing', priority: '=~P0|P1|P2', alertname: '!=TooManyAlerts' })),
          limits.alerts_firing.warning
        ),
        'for': '10m',
        keep_firing_for: '10m',
        summary: 'More alerts fire than people can follow.',
        description: '{{ printf "%.0f" $value }} alerts of priority P0, P1 and P2 fire at once.',
        impact: 'What matters drowns in the rest.',
        action: 'Look for the one cause behind most of them; silence what only follows from it.',
      }),
      // Fires only while samples arrive and rules run, so that its absence shows any of the two missing.
      Watchdog: alert(monitoring {
        priority: 'heartbeat',
        local up = q.value(m.up),
        expr: q.below(q.age(q.greatest(up { expr: 'timestamp(%s)' % super.expr })), 60),
        summary: 'Alerting works.',
        description: 'The newest sample is {{ $value | humanizeDuration }} old.',
        impact: 'None; trouble is when this alert stops.',
        action: 'None.',
      }),
    },
  }
