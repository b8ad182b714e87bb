"""What people read, rendered by Debian's amtool: several alerts at once, and labels that somebody means harm with."""

import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.routing.written import run, written
from tests.tools import environment, tool

HOSTILE = '<script>alert(1)</script> & "quoted" <!channel>\nsecond line'
START, END = "2026-11-21T09:00:00Z", "2026-11-21T10:00:00Z"


def alert(status: str, name: str, description: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": name, "priority": "P1", "domain": "host", "severity": "critical"},
        "annotations": {
            "summary": f"The summary of {name}.",
            "description": description,
            "impact": f"The impact of {name}.",
            "action": f"The action of {name}.",
            "runbook_url": f"https://runbooks.example.com/{name}",
            "dashboard_url": "https://grafana.example.com/d/hosts?var-instance=a%3A1&var-b=c",
        },
        "startsAt": START,
        "endsAt": END if status == "resolved" else "0001-01-01T00:00:00Z",
    }


ALERTS = [
    alert("firing", "HostDown", "It is down."),
    alert("firing", "HostMemoryHigh", f"{HOSTILE} {'w' * 120}"),
    alert("resolved", "HostDiskFull", "It is full."),
]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("templates"))


def rendered(prometheus: Path, name: str, alerts: list[dict[str, Any]], kind: str = "text", **changes: Any) -> str:
    firing = any(each["status"] == "firing" for each in alerts)
    data = {
        "receiver": "P1",
        "status": "firing" if firing else "resolved",
        "alerts": alerts,
        "groupLabels": {"domain": "host"},
        "commonLabels": {"priority": "P1", "domain": "host", "severity": "critical"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.com:9093",
        **changes,
    }
    (prometheus / "data.json").write_text(json.dumps(data))
    text = f'--template.text={{{{ template "bellwether.{name}" . }}}}'
    flags = ["--template.glob=templates/*.tmpl", "--template.data=data.json", f"--template.type={kind}"]
    return run(tool("amtool"), "template", "render", *flags, text, cwd=prometheus).removesuffix("\n")


def test_a_title_says_what_and_how_many(prometheus: Path) -> None:
    one = ALERTS[:1]
    same: dict[str, Any] = {"commonLabels": one[0]["labels"], "commonAnnotations": one[0]["annotations"]}
    assert rendered(prometheus, "title", one, **same) == "P1: The summary of HostDown."
    assert rendered(prometheus, "title", one * 2, **same) == "P1: The summary of HostDown. (2 alerts)"
    assert rendered(prometheus, "title", ALERTS) == "P1: 3 alerts of host"
    assert (
        rendered(prometheus, "title", one, receiver="escalation-l2", **same) == "Not acknowledged: P1: The summary of HostDown."
    )
    assert rendered(prometheus, "title", ALERTS[2:], **same) == "Resolved: The summary of HostDown."


def test_a_rule_of_somebody_elses_is_told_with_what_it_has(prometheus: Path) -> None:
    foreign = {**ALERTS[0], "labels": {"alertname": "Foreign"}, "annotations": {}}
    bare: dict[str, Any] = {"commonLabels": {"alertname": "Foreign"}, "groupLabels": {"alertname": "Foreign"}}
    assert rendered(prometheus, "title", [foreign], **bare) == "Foreign"
    assert rendered(prometheus, "short", [foreign], **bare) == "Foreign"
    assert "Foreign\nSince: 2026-11-21 09:00:00 UTC" in rendered(prometheus, "text", [foreign], **bare)
    assert "Impact" not in rendered(prometheus, "html", [foreign], "html", **bare)


@pytest.mark.parametrize(("name", "kind"), [("text", "text"), ("slack", "text"), ("html", "html")])
def test_each_alert_is_told_in_full_while_it_fires_and_briefly_when_it_is_over(name: str, kind: str, prometheus: Path) -> None:
    text = html.unescape(rendered(prometheus, name, ALERTS, kind))
    for each in ALERTS:
        assert each["annotations"]["description"] in text
        assert each["annotations"]["runbook_url"] in text
        assert each["annotations"]["dashboard_url"] in text
    for each in ALERTS[:2]:
        assert each["annotations"]["impact"] in text
        assert each["annotations"]["action"] in text
    assert "The impact of HostDiskFull." not in text
    assert text.count("Since: 2026-11-21 09:00:00 UTC") == 2
    assert text.count("From: 2026-11-21 09:00:00 to 2026-11-21 10:00:00 UTC") == 1
    assert text.index("It is down.") < text.index("Resolved: ") < text.index("It is full.")
    assert "Acknowledge by silencing" in text
    assert "Acknowledge by silencing" not in rendered(prometheus, name, ALERTS[2:], kind)


def test_what_a_label_says_is_never_markup(prometheus: Path) -> None:
    mail = rendered(prometheus, "html", ALERTS, "html")
    assert "<script" not in mail
    assert html.escape(HOSTILE.splitlines()[0]) in mail.replace("&#34;", "&quot;")
    slack = rendered(prometheus, "slack", ALERTS)
    assert "<" not in slack
    assert "&lt;!channel&gt;" in slack
    named = {"annotations": {**ALERTS[0]["annotations"], "runbook_url": "javascript:alert(1)"}}
    assert "javascript:" not in rendered(prometheus, "html", [{**ALERTS[0], **named}], "html")


def links_to_silence(prometheus: Path, alerts: list[dict[str, Any]]) -> set[str]:
    """The address in a text and that in a mail, as a browser reads them."""
    every = [set(each["labels"].items()) for each in alerts]
    message: dict[str, Any] = {"commonLabels": dict(set.intersection(*every))}
    text = rendered(prometheus, "silence", alerts, **message)
    mail = re.search(r'href="([^"]*silences[^"]*)"', rendered(prometheus, "html", alerts, "html", **message))
    assert mail
    return {unquote(text), unquote(html.unescape(mail[1]))}


def labelled(*those: dict[str, str]) -> list[dict[str, Any]]:
    return [{**ALERTS[0], "labels": labels} for labels in those]


FORM = "http://alertmanager.example.com:9093/#/silences/new?filter="


@pytest.mark.parametrize("value", ["db1:9100", "a b+c", 'with "quotes" and \\', "two\nlines", "<x>&y=z%20#"])
def test_the_link_to_a_silence_has_all_labels_of_an_alert(value: str, prometheus: Path) -> None:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    links = links_to_silence(prometheus, labelled({"alertname": "HostDown", "instance": value}))
    assert links == {f'{FORM}{{alertname="HostDown", instance="{escaped}"}}'}


def test_the_link_to_a_silence_of_several_has_the_values_of_each(prometheus: Path) -> None:
    busy = {"alertname": "HostCpuHigh", "domain": "host", "instance": "db1.example.com:9100"}
    full = {"alertname": "HostDiskFull", "domain": "host", "instance": "a|b", "mountpoint": "/"}
    links = links_to_silence(prometheus, labelled(busy, full, {**full, "mountpoint": "/da+ta"}))
    instances = r'instance=~"db1\\.example\\.com:9100|a\\|b"'
    names = 'alertname=~"HostCpuHigh|HostDiskFull"'
    assert links == {f'{FORM}{{domain="host", {names}, {instances}, mountpoint=~"|/|/da\\\\+ta"}}'}


def test_the_link_to_a_silence_of_very_many_is_short_enough_to_be_sent(prometheus: Path) -> None:
    hosts = [{"alertname": "HostCpuHigh", "domain": "host", "instance": f"db{number}:9100"} for number in range(21)]
    links = links_to_silence(prometheus, labelled(*hosts, {"alertname": "HostDiskFull", "domain": "host"}))
    assert links == {f'{FORM}{{domain="host", alertname=~"HostCpuHigh|HostDiskFull"}}'}


@pytest.mark.parametrize("width", [390, 700])
def test_a_mail_is_as_wide_as_the_screen(width: int, prometheus: Path, tmp_path: Path) -> None:
    script = "<script>document.title = `${document.documentElement.scrollWidth} of ${innerWidth}`</script></body>"
    page = rendered(prometheus, "html", ALERTS, "html").replace("</body>", script)
    frame = f'<iframe id="mail" style="border:0;width:{width}px;height:2000px" srcdoc="{html.escape(page)}"></iframe>'
    read = "<script>onload = () => { document.title = document.getElementById('mail').contentDocument.title }</script>"
    (tmp_path / "page.html").write_text(f"<!DOCTYPE html><title>not read</title>{frame}{read}")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile", "--dump-dom"]
    command = [str(tool("chromium")), *options, (tmp_path / "page.html").as_uri()]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, env=environment("chromium"))
    assert f"<title>{width} of {width}</title>" in done.stdout
