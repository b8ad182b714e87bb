"""What rules make of series, asked of the real promtool."""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.tools import tool

Asked = tuple[str, str, Mapping[str, float]]
"""An expression, the time at which it is asked, and the value of each series that it should give."""


def differences(rules: Sequence[Mapping[str, Any]], series: Mapping[str, str], asked: Iterable[Asked], interval: str) -> str:
    """What promtool says where an answer is another than the expected one; nothing where all are the same.

    Series are in promtool's notation, a sample each interval. The rules are evaluated in their order as often.
    """
    expressions = [
        {"expr": text, "eval_time": at, "exp_samples": [{"labels": labels, "value": value} for labels, value in values.items()]}
        for text, at, values in asked
    ]
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    test = {"interval": interval, "input_series": inputs, "promql_expr_test": expressions}
    with TemporaryDirectory() as folder:
        Path(folder, "rules.yaml").write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
        document = {"rule_files": ["rules.yaml"], "evaluation_interval": interval, "tests": [test]}
        Path(folder, "test.yaml").write_text(json.dumps(document))
        command = [str(tool("promtool")), "test", "rules", "test.yaml"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert "SUCCESS" in said or "FAILED" in said, said
    return "" if done.returncode == 0 else said
