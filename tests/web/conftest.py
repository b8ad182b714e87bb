"""What tests of the listening side share."""

from pathlib import Path

import pytest

from tests.web.serving import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)
