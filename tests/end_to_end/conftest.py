"""One stack for all that only looks at it, with a year of history. What starts incidents has a stack of its own."""

from collections.abc import Iterator

import pytest

from exporter.demo.stack import COSTS
from tests.stack import Sink, Stack


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with (
        Sink() as sink,
        Stack(tmp_path_factory.mktemp("stack"), sink, history=400, changes={"costs": COSTS}).running() as stack,
    ):
        yield stack
