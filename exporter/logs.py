"""Log lines in logfmt, to standard error: the form that Prometheus' own programs write."""

import json
import logging
from datetime import UTC, datetime


class Logfmt(logging.Formatter):
    """`ts=… level=… component=… msg="…"`, a traceback as one more value."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        component = record.name.removeprefix("exporter.")
        line = f"ts={time} level={record.levelname.lower()} component={component} msg={json.dumps(record.getMessage())}"
        if record.exc_info:
            line += f" traceback={json.dumps(self.formatException(record.exc_info))}"
        return line


def configure(level: str) -> None:
    """Send all log lines of this level and above to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(Logfmt())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every request with its URL
    logging.getLogger("httpcore").setLevel(logging.WARNING)
