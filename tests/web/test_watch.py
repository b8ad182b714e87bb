"""When a change of the web configuration is taken up."""

from pathlib import Path

import pytest

from exporter.web.watch import Watch
from tests.web.serving import Files, users


def replaced(file: Path, text: str) -> None:
    """A new version under the old name, as editors and deployments write it."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


def test_a_certificate_and_its_key_may_be_replaced_one_after_the_other(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch(files.tls())
    before = watch.config
    server = files.authority.issue_cert("localhost")
    replaced(files.folder / "key.pem", server.private_key_pem.bytes().decode())
    assert not watch.refresh()
    replaced(files.folder / "cert.pem", server.cert_chain_pems[0].bytes().decode())
    assert not watch.refresh()
    assert watch.config is before
    assert watch.refresh()
    assert watch.config is not before
    assert caplog.messages == []


def test_what_does_not_change_is_not_read_again(files: Files) -> None:
    watch = Watch(files.tls())
    before = watch.config
    assert [watch.refresh() for _ in range(3)] == [False] * 3
    assert watch.config is before


def test_a_file_that_goes_away_leaves_what_it_said_in_force(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch(files.write(users(alice="wonder")))
    text = files.config.read_text()
    files.config.unlink()
    assert [watch.refresh() for _ in range(4)] == [False] * 4
    assert watch.config.access is not None
    assert len(caplog.messages) == 1
    replaced(files.config, text)
    assert [watch.refresh() for _ in range(2)] == [False, True]


def test_without_a_file_nothing_is_watched() -> None:
    assert not Watch(None).refresh()
