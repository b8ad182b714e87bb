// What a priority means: how soon a person answers, how Alertmanager groups, waits and repeats, and who is told.
// A domain with an entry of its own in `domains` goes there instead. The webhook is told of everything besides. What `waits` is
// told of in business hours.

// What is told later of a thing that was told of already calls nobody: a page is of one thing, and not of another like it.
local of_one_thing = ['alertname', 'service', 'instance', 'source', 'project', 'service_name', 'kind'];
{
  P0: {
    meaning: 'Customers cannot use or pay for the product, or its data is in danger.',
    answer: '15m',
    severity: 'critical',
    group_by: of_one_thing,
    group_wait: '10s',
    group_interval: '1m',  // its end is news too
    repeat_interval: '1h',
    receivers: ['pagerduty', 'sms', 'email'],
    waits: false,
    domains: { application: ['pagerduty', 'slack', 'sentry'], database: ['pagerduty'] },
  },
  P1: {
    meaning: 'The product works badly, or will soon fail.',
    answer: '1h',
    severity: 'critical',
    group_by: of_one_thing,
    group_wait: '30s',
    group_interval: '5m',
    repeat_interval: '4h',
    receivers: ['pagerduty', 'slack'],
    waits: false,
    domains: {
      application: ['pagerduty', 'slack', 'sentry'],
      database: ['pagerduty'],
      host: ['slack'],
      performance: ['slack'],
    },
  },
  P2: {
    meaning: 'Somebody has to act today, before it becomes worse.',
    answer: '4h',
    severity: 'warning',
    group_by: ['alertname', 'domain'],
    group_wait: '1m',
    group_interval: '10m',
    repeat_interval: '12h',
    receivers: ['slack'],
    waits: false,
    domains: { application: ['slack', 'sentry'], conversion: ['slack', 'email'] },
  },
  P3: {
    meaning: 'Worth a look on the next business day.',
    answer: '1d',
    severity: 'info',
    group_by: ['domain'],
    group_wait: '5m',
    group_interval: '1h',
    repeat_interval: '1d',
    receivers: ['email'],
    waits: true,
    domains: {},
  },
  // Not a trouble: an alert that always fires, so that its absence shows that alerting itself is down.
  heartbeat: {
    meaning: 'Nothing is wrong; proves that alerts get through.',
    answer: '',
    severity: 'none',
    group_by: ['alertname'],
    group_wait: '0s',
    group_interval: '1m',
    repeat_interval: '5m',
    receivers: ['heartbeat'],
    waits: false,
    domains: {},
  },
}
