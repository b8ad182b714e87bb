"""Log lines: their two forms, and that no secret stands in one, whichever way it came there."""

import json
import logging
import subprocess
import sys
import textwrap
from urllib.parse import quote

import pytest

from exporter.fields import Secret
from exporter.logs import Lines, redacted

SECRET = "hunter2-of-test_logs"


def record(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    exc_info = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("exporter.job", logging.WARNING, __file__, 1, message, arguments, exc_info)
    made.created = 1_700_000_000.25
    return made


def bug(text: str) -> Exception:
    def fail() -> None:
        raise RuntimeError(text)

    try:
        fail()
    except RuntimeError as error:
        return error
    raise AssertionError


def process(code: str) -> str:
    """What a process that logs to its standard error printed altogether."""
    start = "import logging; from exporter import logs; from exporter.fields import Secret; logs.configure('debug')\n"
    read = f"secret = Secret({SECRET!r}); secret.read()\n"
    result = subprocess.run(
        [sys.executable, "-c", start + read + textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    return result.stdout + result.stderr


def test_a_line_in_logfmt_has_time_level_component_and_a_quoted_message() -> None:
    line = Lines().format(record('%s fails: "%s"\nand more', "db", "x"))
    assert line == (
        r'ts=2023-11-14T22:13:20.250+00:00 level=warning component=job msg="db fails: \"x\"\nand more"'  # one line
    )


def test_a_line_in_json_is_one_object_with_the_traceback_in_it() -> None:
    text = Lines("json").format(record("%s fails", "db", error=bug("what happened")))
    assert "\n" not in text
    line = json.loads(text)
    assert "RuntimeError: what happened" in line.pop("traceback")
    assert line == {"ts": "2023-11-14T22:13:20.250+00:00", "level": "warning", "component": "job", "msg": "db fails"}


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_no_secret_that_was_read_stands_in_a_message_or_a_traceback(form: str) -> None:
    Secret(SECRET).read()
    line = Lines("json" if form == "json" else "logfmt").format(record("with %s", SECRET, error=bug(f"at {SECRET}!")))
    assert SECRET not in line
    assert "with redacted" in line
    assert "at redacted!" in line


@pytest.mark.parametrize(
    "secret", ["p@ss/word of logs", 'quoted "pass" of logs', "back\\slash of logs", "päss of logs", "two\nlines of logs"]
)
def test_a_secret_is_known_again_in_a_url_and_in_literals(secret: str) -> None:
    Secret(secret).read()
    for form in (secret, quote(secret, safe=""), repr(secret)[1:-1], repr(secret.encode())[2:-1], json.dumps(secret)[1:-1]):
        assert redacted(f"<{form}>") == "<redacted>"


def test_a_password_that_a_url_has_encoded_is_known_decoded_too() -> None:
    Secret("postgres://bob:p%40ss-of-logs@db/x").read()
    assert redacted("at p@ss-of-logs!") == "at redacted!"


def test_of_two_secrets_the_longer_goes_as_a_whole() -> None:
    Secret("prefix-of-logs").read()
    Secret("prefix-of-logs-and-more").read()
    assert redacted("prefix-of-logs-and-more") == "redacted"


def test_a_secret_read_later_is_left_out_from_then_on() -> None:
    assert redacted("a-later-secret-of-logs") == "a-later-secret-of-logs"
    Secret("a-later-secret-of-logs").read()
    assert redacted("a-later-secret-of-logs") == "redacted"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise RuntimeError(secret.read())", 'level=critical component=logs msg="ended by RuntimeError"'),
        (
            """
            import threading
            def work(): raise RuntimeError(secret.read())
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            """,
            'msg="a thread ended by RuntimeError"',
        ),
        (
            """
            class Leaky:
                def __del__(self): raise RuntimeError(secret.read())
            Leaky()
            """,
            'msg="ignored where nothing can be raised: RuntimeError"',
        ),
        ("import warnings; warnings.warn(secret.read())", "level=warning component=py.warnings"),
        ("logging.error('two %s %s', secret.read())", 'msg="a log line that cannot be written: two %s %s"'),
        (
            """
            import asyncio
            async def fail(): raise RuntimeError(secret.read())
            async def work():
                asyncio.create_task(fail())
                await asyncio.sleep(0)
            asyncio.run(work())
            """,
            "Task exception was never retrieved",
        ),
    ],
)
def test_what_python_itself_would_print_is_a_log_line_without_secrets(code: str, told: str) -> None:
    printed = process(code)
    assert SECRET not in printed
    assert told in printed
    assert all(line.startswith("ts=") for line in printed.splitlines())
