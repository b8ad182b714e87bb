"""A kind of probe is found in its own file, and no other's dependencies are imported for it."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from exporter.collector import kind_of
print(kind_of({!r}).kind, *sorted({{"httpx", "dns"}} & set(sys.modules)))
"""


@pytest.mark.parametrize(("kind", "imported"), [("icmp", ""), ("tcp", ""), ("http", " httpx"), ("dns", " dns")])
def test_only_what_a_kind_needs_is_imported(kind: str, imported: str) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(kind)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{kind}{imported}\n"
