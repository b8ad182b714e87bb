"""From the company's database to a person: the demo, Debian's Prometheus and Alertmanager, and the bundle as it is now."""
