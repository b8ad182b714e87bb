"""Bellwether: one Prometheus exporter for the whole of a subscription business."""

__version__ = "0.1.0"
