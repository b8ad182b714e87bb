from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from pydantic import ValidationError

from exporter.fields import Cron, Model, Secret, known_secrets, seconds


@pytest.mark.parametrize(
    ("text", "expected"), [("15s", 15), ("1h30m", 5400), ("250ms", 0.25), ("1d", 86400), ("2w", 1209600), (5, 5), (0.5, 0.5)]
)
def test_durations_are_read_as_prometheus_writes_them(text: object, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["five", "", "15", "15 s", "-1s", -1, None, True, [1]])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected a duration such as 15s"):
        seconds(text)


@pytest.mark.parametrize("text", ["101y", "100y1ms", "9" * 400 + "d", 99_999_999_999, 10**400, float("inf")])
def test_a_duration_that_reaches_beyond_all_clocks_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected a duration of at most 100y"):
        seconds(text)
    assert seconds("100y") == 100 * 365 * 86400


class Account(Model):
    password: Secret
    note: Secret | None = None


def test_a_secret_from_a_file_is_read_again_at_every_use(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    account = Account.model_validate({"password_file": str(file)})
    assert account.password.read() == "first"
    file.write_text("second\n")
    assert account.password.read() == "second"


def test_an_optional_secret_may_come_from_a_file_too(tmp_path: Path) -> None:
    file = tmp_path / "note"
    file.write_text("x")
    account = Account.model_validate({"password": "p", "note_file": str(file)})
    assert account.note is not None
    assert account.note.read() == "x"


def test_a_secret_shows_in_no_representation() -> None:
    account = Account.model_validate({"password": "hunter2"})
    assert "hunter2" not in f"{account!r} {account} {account.model_dump()} {account.model_dump_json()} {account.password!s}"


@pytest.mark.parametrize(
    "given", [{"password": "hunter2", "pasword": "hunter2"}, {"password": ["hunter2"]}, {"password": 7, "x": "hunter2"}]
)
def test_no_error_repeats_a_value(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        Account.model_validate(given)
    assert "hunter2" not in str(caught.value)


def test_a_secret_and_its_file_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="give password or password_file, not both"):
        Account.model_validate({"password": "p", "password_file": str(tmp_path)})


def test_an_unreadable_secret_file_is_named() -> None:
    with pytest.raises(ValidationError, match="cannot read the secret file /nonexistent: No such file or directory"):
        Account.model_validate({"password_file": "/nonexistent"})


def due(text: str, after: datetime, count: int) -> list[str]:
    return [f"{instant.astimezone(UTC):%m-%d %H:%M}" for instant in islice(Cron(text).due(after), count)]


def test_a_schedule_is_in_utc_unless_it_names_a_zone() -> None:
    assert due("30 6 * * *", datetime(2026, 1, 1, tzinfo=UTC), 2) == ["01-01 06:30", "01-02 06:30"]
    assert due("CRON_TZ=Europe/Berlin 30 6 * * *", datetime(2026, 1, 1, tzinfo=UTC), 1) == ["01-01 05:30"]


def test_a_schedule_keeps_its_local_time_when_daylight_saving_begins_and_ends() -> None:
    berlin = "CRON_TZ=Europe/Berlin 30 2 * * *"
    assert due(berlin, datetime(2026, 3, 28, tzinfo=UTC), 3) == ["03-28 01:30", "03-29 01:00", "03-30 00:30"]
    assert due(berlin, datetime(2026, 10, 24, 12, tzinfo=UTC), 2) == ["10-25 00:30", "10-26 01:30"]


@pytest.mark.parametrize(
    "text", ["0 6 * *", "61 6 * * *", "0 6 31 2 *", "CRON_TZ=Mars/Olympus 0 6 * * *", "every day", "CRON_TZ= 0 6 * * *"]
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected five fields as in a crontab"):
        Cron(text)


@pytest.mark.parametrize(
    ("value", "known"),
    [
        ("token-of-mine", {"token-of-mine"}),
        ("postgres://bob:url-pass@db/x", {"postgres://bob:url-pass@db/x", "url-pass"}),
        ("host=db password=key-pass user=bob", {"key-pass"}),
        ("host=db password = 'quoted-pass'", {"quoted-pass"}),
    ],
)
def test_secrets_that_were_read_are_known_so_that_they_can_be_kept_out_of_logs(value: str, known: set[str]) -> None:
    Secret(value).read()
    assert known <= known_secrets()


def test_what_is_too_short_to_be_told_from_other_text_is_not_looked_for() -> None:
    Secret("abc").read()
    assert "abc" not in known_secrets()
