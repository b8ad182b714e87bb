"""Where requests of the HTTP probe go: names are resolved here, to time it, and each address is tried.

Source: https://www.encode.io/httpcore/extensions/#trace
"""

import ssl
from collections.abc import Mapping
from typing import Any

import httpx

from exporter.collectors.probes import handshake
from exporter.collectors.probes.probe import Finding, Probe
from exporter.collectors.probes.resolve import resolve, use

_BEGINS = {
    "connection.connect_tcp.started": "connect",
    "connection.start_tls.started": "tls",
    "http11.send_request_headers.started": "processing",
    "http2.send_connection_init.started": "processing",
    "http11.receive_response_body.started": "transfer",
    "http2.receive_response_body.started": "transfer",
}


class Route(httpx.AsyncBaseTransport):
    """Adds the target's own headers only where the target itself is asked, and takes down what connections show."""

    def __init__(
        self,
        probe: Probe,
        url: httpx.URL,
        headers: Mapping[str, str],
        context: ssl.SSLContext,
        finding: Finding,
        *,
        hostname: str,
        http2: bool,
    ) -> None:
        self.last = ("", 0, "")
        """The address and port tried last, and the name they were tried for."""
        self._probe, self._url, self._headers, self._hostname, self._finding = probe, url, headers, hostname, finding
        self._streams: list[Any] = []
        # Nothing is kept alive: a probe that finds an open connection has not tested whether one can be opened.
        self._inner = httpx.AsyncHTTPTransport(verify=context, http2=http2, limits=httpx.Limits(max_keepalive_connections=0))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url, port = request.url, _port(request.url)
        headers, name = request.headers.copy(), url.raw_host.decode("ascii")
        if (url.scheme, url.host, port) == (self._url.scheme, self._url.host, _port(self._url)):
            # httpx makes the next request after a redirect from the original's, so these are never written into one.
            headers.update({each.encode(): value.encode() for each, value in self._headers.items()})
            asked = self._hostname or name
        else:
            asked = name
        addresses = await resolve(self._probe, name, port, self._finding)
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            self.last = (address.ip, port, asked)
            use(address, self._finding)
            direct = httpx.Request(
                request.method,
                url.copy_with(host=address.ip),
                headers=headers,
                stream=request.stream,
                extensions={
                    "sni_hostname": asked,
                    "trace": self._trace,
                    "timeout": {"connect": self._finding.left / left},
                },
            )
            try:
                return await self._inner.handle_async_request(direct)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if self._finding.phase != "connect" or left == 1:
                    raise
                self._finding.note(f"{address.ip}: {type(error).__name__}")
        raise AssertionError("resolve() gives at least one address")

    async def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by httpcore as a connection goes through its phases."""
        if event in _BEGINS:
            self._finding.begin(_BEGINS[event])
        elif event == "connection.connect_tcp.complete":
            self._streams.append(info["return_value"])
            self._finding.note(f"connected to {self.last[0]} port {self.last[1]}")
        elif event.endswith("receive_response_headers.complete"):
            self._finding.end()
        elif event == "connection.start_tls.complete":
            handshake.take_down(self._finding, info["return_value"].get_extra_info("ssl_object"))

    async def aclose(self) -> None:
        await self._inner.aclose()
        for stream in self._streams:  # httpcore leaves one open when it is cancelled in a TLS handshake
            await stream.aclose()


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)
