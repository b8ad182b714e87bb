// For those on call: what fires, who knows of it, does it get through, and how much of it is noise?
function(lib)
  local m = lib.metrics;
  local panel = lib.panel;
  local section = lib.board.section;
  local q = lib.promql;

  // The Watchdog always fires, to show that it can.
  local real = { alertstate: 'firing', alertname: '!=Watchdog' };
  local named = ['alertname', 'priority'];
  local firing(where={}, q=lib.promql) = q.value(m.ALERTS, real + where);
  local count(where) = q.or_zero(q.count(firing(where)));
  // Those that fired so long ago and fire now.
  local since(time, where) = firing(where) { expr: '%s and %s' % [super.expr, firing(where, q.ago(time)).expr] };
  // Who is told while nobody acknowledges an alert: the first tier at once, the others as configured, the soonest first.
  local units = { y: 365 * 86400, w: 7 * 86400, d: 86400, h: 3600, m: 60, s: 1 };
  local seconds(time) = std.foldl(
    function(read, sign)
      if std.objectHas(units, sign) then { sum: read.sum + std.parseInt(read.digits) * units[sign], digits: '' }
      else read { digits+: sign },
    // A thousandth of a second tells no tiers apart.
    std.stringChars(std.split(time, 'ms')[0]),
    { sum: 0, digits: '' }
  ).sum;
  local tiers = lib.config.escalation;
  local higher = std.sort([name for name in std.objectFields(tiers) if tiers[name] != null], function(name) seconds(tiers[name].after));
  local waiting(name) =
    local tier = tiers[name];
    q.or_zero(q.count(since(tier.after, { priority: '=~' + std.join('|', tier.priorities) }))) {
      legend: '%s%s after %s' % [std.asciiUpper(name[0]), name[1:], tier.after],
      help: 'Alerts of %s that fired %s ago and still do: unless silenced, this tier is told.' % [
        std.join(' and ', tier.priorities),
        tier.after,
      ],
      good: 'low',
      limits: { [if name == higher[0] then 'warning' else 'critical']: 1 },
    };
  // Each minute of the time shown, those that had begun to fire within it.
  local began = firing() { expr: '%s unless %s' % [super.expr, firing({}, q.ago('1m')).expr] };
  local over_time(of) = q.sum(of { expr: 'sum_over_time((%s)[$__range:1m])' % q.count(of, by=named).expr, labels: named }, by=named);

  local state(value) = q.sum(q.value(m.alertmanager_alerts, { state: value }));
  local integration = ['integration'];
  local sent(over, by=[]) = q.sum(q.increase(m.alertmanager_notifications_total, over=over), by=by);
  local lost(over, by=[]) = q.sum(q.increase(m.alertmanager_notifications_failed_total, over=over), by=by);
  local named_alone(of) = of { expr: 'label_replace(%s, "rule_group", "$1", "rule_group", ".*;(.*)")' % super.expr };
  local incidents(where={}) = q.or_zero(q.sum(q.value(m.oncall_incidents, where)));
  local slow(metric, share, window) = q.quantile_now(share, metric, { window: window }, by=['urgency']);
  local words = { '1': { text: 'Fires', color: (import 'lib/colour.libsonnet').bad, index: 0 } } + {
    '0': { text: 'None fires', color: (import 'lib/colour.libsonnet').ok, index: 1 },
  };

  lib.board.page(
    title='Alerts and on-call',
    description='Alerts that fire, how far they have come while nobody answers, whether they get through, and how much is noise.',
    folder='Operations',
    tags=['operations', 'alerts'],
    time='now-24h',
    refresh='30s',
    down=['operations', 'slos', 'third-party', 'exporter'],
    rows=[
      [
        // What fires, and how urgent is it?
        panel.strip('Firing now', [
          count({ priority: 'P0' }) {
            legend: 'P0',
            help: 'Alerts that are answered within 15 minutes.',
            good: 'low',
            limits: { critical: 1 },
          },
          count({ priority: 'P1' }) { legend: 'P1', help: 'Alerts that are answered within an hour.', good: 'low', limits: { critical: 1 } },
          count({ priority: 'P2' }) { legend: 'P2', help: 'Alerts that are answered today.', good: 'low', limits: { warning: 1 } },
          count({ priority: 'P3' }) { legend: 'P3', help: 'Alerts that wait for the next business day.', good: 'low' },
        ], alerts=['TooManyAlerts']),
        panel.strip('Answered now', [
          incidents({ state: 'triggered' }) {
            legend: 'Unanswered',
            help: 'Incidents of the on-call service that nobody has acknowledged.',
            good: 'low',
            limits: { warning: 1 },
          },
          q.or_zero(q.sum(q.value(m.alertmanager_silences, { state: 'active' }))) {
            legend: 'Silences',
            help: 'Silences that hold now. A silence is how an alert is acknowledged.',
            good: 'neither',
          },
          lost('1h') {
            legend: 'Undelivered',
            help: 'Notifications within an hour that could not be delivered.',
            decimals: 0,
            good: 'low',
            limits: { critical: 1 },
          },
        ], alerts=['NotificationsNotDelivered', 'IncidentUnacknowledged']),
      ],
      [
        panel.firing(
          'What fires',
          description='Alerts that fire, the most urgent first, each with a link to its runbook. None is good.',
        ),
        // Who has been told by now?
        panel.strip('Escalation', [
          count({ priority: '=~P0|P1' }) {
            legend: 'L1 at once',
            help: 'P0 and P1 alerts that fire: the first tier is told, and of P0 whoever is on call.',
            good: 'low',
            limits: { warning: 1 },
          },
        ] + [waiting(name) for name in higher]) { width: 8 },
      ],
      [
        // What fired, and what with it?
        panel.timeline(
          'What fired',
          q.or_zero(q.between(q.count(firing(), by=named), 0, 1)) { legend: '{{priority}} {{alertname}}' },
          words,
          good='low',
          description='Alerts over time. Those that begin together have one cause; one that comes and goes wants a longer delay.',
        ) { height: 6 },
      ],

      section('Load of alerts'),
      [
        // Is it a storm?
        panel.series(
          'Firing by priority',
          [count({ priority: priority }) { legend: priority } for priority in ['P0', 'P1', 'P2', 'P3']],
          good='low',
          description='Alerts that fired at a time, by priority.',
          stacked=true,
          colours={ P0: 'bad', P1: 'warn', P2: 'accent', P3: 'neutral' },
          limits=lib.limits.alerts_firing,
          alerts=['TooManyAlerts'],
        ),
        // Which cry most often?
        panel.ranking(
          'Noise: how often alerts began',
          q.or_zero(over_time(began)),
          by=['alertname', 'priority'],
          value='Times',
          good='low',
          description=|||
            Minutes in the time shown in which an alert began to fire, for any instance. Few with a meaning are good; one that
            begins often and needs nobody is noise, and wants another threshold or delay.
          |||,
        ),
        // Which do people live with?
        panel.ranking(
          'Noise: how long alerts fired',
          q.or_zero(q.times(over_time(firing()), 60, unit='seconds')),
          by=['alertname', 'priority'],
          value='Time',
          good='low',
          description='Time that each alert fired in the time shown, added up over its instances. What fires for days is not an alert.',
        ),
      ],

      section('Do they get through?'),
      [
        // How soon is it delivered?
        panel.series(
          'Time to notify',
          // Ways that are not used have no time.
          q.lately(q.quantile(0.95, m.alertmanager_notification_latency_seconds, by=integration)),
          good='low',
          description=|||
            Time from the moment that Alertmanager sends a notification until it was taken, by way: 95 of 100 were
            faster. What the alert and its group wait before comes on top.
          |||,
        ),
        // Does a way not work?
        panel.series(
          'Notifications not delivered, 1 h',
          q.or_zero(q.above(lost('1h', integration), 0)) { legend: 'not delivered {{integration}}' },
          good='low',
          description='Notifications of the hour before that could not be delivered, by way. Any is bad: somebody was not told.',
          limits={ critical: 1 },
          alerts=['NotificationsNotDelivered'],
        ),
        // How much is sent?
        panel.series(
          'Notifications, 1 h',
          q.above(sent('1h', integration), 0),
          good='neither',
          description='Notifications of the hour before that were to be sent, by way. The heartbeat is among those of the webhook.',
          stacked=true,
        ),
      ],
      [
        // What is held back?
        panel.series(
          'Alerts in Alertmanager',
          [
            state('active') { legend: 'told' },
            state('suppressed') { legend: 'silenced or inhibited', dashed: true },
          ],
          good='neither',
          description='Alerts that Alertmanager holds: those that are told, and dashed those that a silence or another alert mutes.',
        ),
        // Who has acknowledged by silence?
        panel.series('Silences', q.sum(m.alertmanager_silences, by=['state']), good='neither'),
        // Does Prometheus hand them over?
        panel.series(
          'Alerts lost on the way to Alertmanager, 1 h',
          [
            q.sum(q.increase(m.prometheus_notifications_dropped_total, over='1h')) { legend: 'dropped' },
            q.greatest(m.prometheus_notifications_queue_length) { legend: 'waiting' },
          ],
          good='low',
          description='Alerts of the hour before that Prometheus could not hand to any Alertmanager, and those that wait. 0 is good.',
          alerts=['PrometheusCannotNotify'],
        ),
      ],
      [
        // Are rules evaluated at all?
        panel.series(
          'Rules that could not be evaluated, 1 h',
          q.sum(q.increase(m.prometheus_rule_evaluation_failures_total, over='1h')) { legend: 'failures' },
          good='low',
          description='Evaluations of the hour before that failed, of any group of rules: what these rules watch is not watched.',
          limits={ critical: 1 },
          alerts=['PrometheusRulesFail'],
        ),
        // And in time?
        panel.ranking(
          'Share of its interval that a group of rules takes',
          // Prometheus puts the path of the file before the name of the group.
          named_alone(q.divide(
            q.greatest(m.prometheus_rule_group_last_duration_seconds, by=['rule_group']),
            q.greatest(m.prometheus_rule_group_interval_seconds, by=['rule_group'])
          )),
          by=['rule_group'],
          value='Share',
          good='low',
          description='How long each group took the last time / how often it is due, the slowest first. Above 100 % alerts come late.',
          limits={ warning: 0.5, critical: 1 },
        ),
        // Are the configurations that are in use the ones that were written?
        panel.strip('Alerting itself', [
          q.or_zero(q.count(q.value(m.ALERTS, { alertstate: 'firing', alertname: 'Watchdog' }))) {
            legend: 'Watchdog',
            help: 'Fires as long as samples arrive and rules run.',
            good: 'high',
            states: panel.up_or_down,
          },
          q.least(m.prometheus_config_last_reload_successful) { legend: 'Prometheus', good: 'high', states: panel.yes_or_no },
          q.least(m.alertmanager_config_last_reload_successful) { legend: 'Alertmanager', good: 'high', states: panel.yes_or_no },
        ], alerts=['Watchdog']),
      ],

      section('On call'),
      [
        // Does somebody answer?
        panel.series(
          'Incidents by state',
          q.sum(m.oncall_incidents, by=['urgency', 'state']),
          good='low',
          description='Incidents of the on-call service that are not resolved: triggered, nobody has acknowledged; acknowledged, somebody has.',
          stacked=true,
          colours={ triggered: 'bad', acknowledged: 'warn' },
          alerts=['IncidentUnacknowledged'],
        ),
        // How soon?
        panel.bars(
          'Time to acknowledge, 7 d',
          [
            slow(m.oncall_acknowledge_seconds, 0.5, '7d') { legend: '{{urgency}}, half' },
            slow(m.oncall_acknowledge_seconds, 0.95, '7d') { legend: '{{urgency}}, 95 of 100' },
          ],
          good='low',
          description='Time from the beginning of an incident until somebody acknowledged it, of those of 7 days. The aim for P0 is 5 minutes.',
        ),
        // How soon is it over?
        panel.bars(
          'Time to resolve, 30 d',
          [
            slow(m.oncall_resolve_seconds, 0.5, '30d') { legend: '{{urgency}}, half' },
            slow(m.oncall_resolve_seconds, 0.95, '30d') { legend: '{{urgency}}, 95 of 100' },
          ],
          good='low',
          description='Time from the beginning of an incident until it was resolved, of those of 30 days.',
        ),
      ],
      [
        // How often is somebody called?
        panel.series(
          'Incidents that began, 24 h',
          q.sum(q.increase(m.oncall_incidents_created_total, over='1d'), by=['urgency']),
          good='low',
          description='Incidents that began within the 24 hours before, by urgency. Two a shift are as many as a person can deal with well.',
        ),
        // Has one been forgotten?
        panel.series(
          'Oldest open incident',
          q.greatest(q.age(m.oncall_oldest_incident_timestamp_seconds), by=['urgency']),
          good='low',
          description='Time since the oldest incident that is not resolved began. A gap is a time without one.',
          alerts=['IncidentUnacknowledged'],
        ),
      ],
    ],
  )
