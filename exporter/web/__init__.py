"""The listening side: sockets, TLS, who may ask, how often and how slowly."""

from exporter.web.limits import Limits
from exporter.web.listener import Listener

__all__ = ["Limits", "Listener"]
