"""The dashboards, as rendered: what Grafana would refuse, show empty, or show wrong."""
