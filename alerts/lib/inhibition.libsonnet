// What need not be told while something else fires that explains it. Nothing explains a P0: it is told whatever else fires.
// Labels that neither side has count as equal: where there is one environment, nothing needs to name it.

// What tells one thing from another, where alerts are about the same kind of thing.
local thing = ['environment', 'service', 'instance', 'source', 'project', 'kind'];
function(config) [
  // A host that is down explains everything about what runs on it.
  {
    source_matchers: ['alertname="HostDown"', 'instance!=""'],
    target_matchers: ['priority=~"P1|P2|P3"', 'instance!=""'],
    equal: ['environment', 'instance'],
  },
  // An outage explains the rest about the same service. Not about all of the instance: an exporter may tell of a database and of
  // the disk that it filled. Data that is damaged is no outage.
  {
    source_matchers: ['priority="P0"', 'service!=""', 'domain!="data"'],
    target_matchers: ['priority=~"P1|P2|P3"', 'service!=""'],
    equal: thing,
  },
  // Two alerts on one symptom of one thing: only the more urgent is of use.
  {
    source_matchers: ['priority="P1"', 'symptom!=""'],
    target_matchers: ['priority=~"P2|P3"', 'symptom!=""'],
    equal: thing + ['symptom'],
  },
] + [
  // Nobody signs up where nobody gets in. A probe of something else than a website says nothing of visitors.
  {
    source_matchers: ['alertname="WebsiteDown"', 'instance=~"https?://.+"'],
    target_matchers: ['priority=~"P2|P3"'] + of_visitors,
    equal: ['environment'],
  }
  for of_visitors in [
    ['domain="conversion"'],
    ['domain="anomalies"', 'anomaly=~"traffic|engagement-drop|sign-up-funnel"'],
  ]
] + [
  // Figures that are old describe the past. Rules leave them out by themselves; this is for rules of others that name the source.
  // A P0 is not left to this: SourceStale goes on for some minutes once the figures are new again.
  {
    source_matchers: ['alertname="SourceStale"', 'source!=""'],
    target_matchers: ['priority!="P0"', 'alertname!="SourceStale"', 'domain!="monitoring"', 'source!=""'],
    equal: ['environment', 'source'],
  },
  // An exporter that is down collects nothing, and whatever else Prometheus asks it for is not answered.
  {
    source_matchers: ['alertname="ExporterDown"'],
    target_matchers: ['alertname=~"CollectorFailing|PackFailing|SourceStale|TargetDown"'],
    equal: ['environment', 'instance'],
  },
  // That no instance of the application answers says of each of them that it does not.
  {
    source_matchers: ['alertname="ApplicationDown"'],
    target_matchers: ['alertname="TargetDown"'],
    equal: ['environment', 'job'],
  },
  // The same by the convention of the ecosystem, for rules that come from elsewhere.
  {
    source_matchers: ['severity="critical"'],
    target_matchers: ['severity=~"warning|info"'],
    equal: ['environment', 'alertname', 'instance', 'service'],
  },
] + [
  // A vendor that is down or at work on it explains errors of what depends on it, but not an outage: that has to be met anyway.
  {
    source_matchers: ['alertname=~"VendorDown|VendorMaintenance"', 'source=~"%s"' % std.join('|', config.depends_on[service])],
    target_matchers: ['priority=~"P1|P2|P3"', 'service="%s"' % service],
    equal: ['environment'],
  }
  for service in std.objectFields(config.depends_on)
]
