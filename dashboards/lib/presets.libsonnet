// What differs by the size of a company: thresholds and priorities, in the shape of config.libsonnet.
{
  // A few customers and one person who is called: of few events chance is a large share, and nobody is woken for a trend.
  startup: {
    limits: {
      payment_failure_ratio: { critical: 0.34, minimum: 3 },
      host_cpu_ratio: { warning: 0.90 },
    },
    priorities: {
      P1: { receivers: ['slack', 'email'], repeat_interval: '12h' },
      P2: { repeat_interval: '1d' },
    },
  },
  // The defaults: hundreds to thousands of customers, an on-call rota.
  growth: {},
  // Many customers: of many events small shares mean much, and several teams share the work.
  scale: {
    limits: {
      payment_failure_ratio: { critical: 0.10, minimum: 20 },
      host_cpu_ratio: { warning: 0.70 },
      host_disk_forecast: { horizon_seconds: 3 * 86400 },
    },
    priorities: {
      P2: { group_interval: '5m', repeat_interval: '4h' },
    },
  },
}
