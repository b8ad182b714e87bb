// PostgreSQL: does it answer?
function(lib)
  local m = lib.metrics;
  {
    alerts: {
      DatabaseUnreachable: lib.rule.alert({
        priority: 'P0',
        domain: 'database',
        service: 'postgres',
        dashboard: 'executive',
        dashboard_labels: [],
        // Of several exporters that watch one database, one that reaches it is enough.
        expr: 'max by (instance) (%s) == 0' % m.pg_up.name,
        'for': '2m',
        summary: 'A database takes no connections.',
        description: 'PostgreSQL at {{ $labels.instance }} has not answered for two minutes or more.',
        impact: 'Customers cannot use the product, and business figures stop.',
        action: "Look whether the server runs and what its log's last lines say; start it, or fail over.",
      }),
    },
  }
