"""What the bundle says of who is told, written where Alertmanager and its tools find it; and the rules, for which it is."""

import functools
import json
import subprocess
from pathlib import Path
from typing import Any

from exporter.bundle import Bundle, routing
from tests.rules.rendered import GROUPS


def written(folder: Path, **changes: Any) -> Path:
    """The folder of Alertmanager's files, for a user's changes."""
    files = {**routing(Bundle.model_validate(changes)), Path("prometheus/rules/all.yaml"): _rules()}
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder / "prometheus"


@functools.cache
def _rules() -> str:
    return json.dumps({"groups": GROUPS})


def run(command: str | Path, *arguments: str, cwd: Path) -> str:
    """What a program prints, when it succeeds."""
    done = subprocess.run([str(command), *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
