"""The worked examples of the kind `json` in the common tests, as `docs/integrations/examples` has them."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from exporter.demo.vendors.json_examples import Launchdarkly, Logrocket, VercelDeployments
from tests.vendors.case import Case

EXAMPLES = Path(__file__).parent.parent.parent / "docs/integrations/examples"
KEYS = {
    "LAUNCHDARKLY_TOKEN": Launchdarkly.KEY,
    "LOGROCKET_KEY": Logrocket.KEY,
    "VERCEL_TOKEN": VercelDeployments.KEY,
}


def example(name: str) -> str:
    """The text of an example with the keys that the simulators accept."""
    return re.sub(r"\$\{(\w+)\}", lambda found: KEYS[found[1]], (EXAMPLES / f"{name}.yaml").read_text())


def settings(name: str) -> Callable[[str], Mapping[str, object]]:
    """The settings of an example, against another address."""
    (collector,) = yaml.safe_load(example(name))["collectors"]
    given: dict[str, Any] = {key: value for key, value in collector.items() if key not in {"kind", "every"}}
    return lambda url: {**given, "url": url}


# None of them publishes a limit for these requests.
CASES = [
    Case("json", settings("launchdarkly"), limit_per_hour=None, vendor="launchdarkly"),
    Case("json", settings("vercel_deployments"), limit_per_hour=None, vendor="vercel_deployments"),
    Case("json", settings("logrocket"), limit_per_hour=None, vendor="logrocket"),
]
