"""A wrong setting ends start-up with one message: file, line, path, value (never a secret's), what was expected."""

from pathlib import Path

import pytest

from exporter.errors import SettingsError
from exporter.settings import Settings, load


def read(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> Settings:
    file = tmp_path / "bellwether.yml"
    file.write_text(text)
    return load(file, environment or {})


def message(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text, environment)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_a_collector_is_named_after_its_kind_unless_it_has_a_name(tmp_path: Path) -> None:
    settings = read(tmp_path, "collectors:\n- kind: node\n- {kind: node, name: second, every: 30s}\n")
    assert [(each.kind, each.name, each.every) for each in settings.collectors] == [
        ("node", "node", "scrape"),
        ("node", "second", 30.0),
    ]


def test_variables_are_taken_from_the_environment(tmp_path: Path) -> None:
    text = "collectors:\n- {kind: node, name: '${NAME}-${ZONE:-eu}', timeout: '${TIMEOUT}'}\n"
    (node,) = read(tmp_path, text, {"NAME": "web", "TIMEOUT": "3s"}).collectors
    assert (node.name, node.timeout) == ("web-eu", 3.0)


def test_two_dollars_stand_for_one(tmp_path: Path) -> None:
    assert "String should match" in message(tmp_path, "collectors:\n- {kind: node, name: '$${NAME}'}\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("collectors:\n- kind: node\n  evry: 5s\n", "bellwether.yml:3: collectors[0].evry: unknown key; did you mean every?"),
        ("collectors:\n- kind: nod\n", "bellwether.yml:2: collectors[0].kind: 'nod': expected one of "),
        ("collectors:\n- name: x\n", "bellwether.yml:2: collectors[0].kind: expected one of "),
        (
            "collectors:\n- kind: node\n  every: five\n",
            "bellwether.yml:3: collectors[0].every: 'five': expected a duration such as 15s or 5m, five fields as in a crontab",
        ),
        (
            "collectors:\n- kind: node\n  timeout: 5 minutes\n",
            "bellwether.yml:3: collectors[0].timeout: '5 minutes': expected a duration such as 15s, 5m or 1h30m",
        ),
        ("collectors:\n- kind: postgres\n", "bellwether.yml:2: collectors[0].dsn: a value is required"),
        (
            "collectors:\n- kind: postgres\n  dsn: ${DATABASE_URL}\n",
            "bellwether.yml:3: collectors[0].dsn: the environment variable DATABASE_URL is not set",
        ),
        (
            "collectors:\n- kind: postgres\n  dsn_file: /nonexistent/dsn\n",
            "bellwether.yml:3: collectors[0].dsn_file: '/nonexistent/dsn': cannot read the secret file /nonexistent/dsn: ",
        ),
        ("collectors:\n- kind: node\n- kind: node\n", "bellwether.yml:3: collectors[1].name: the name node is taken"),
        (
            "collectors:\n- {kind: node, name: bellwether}\n",
            "bellwether.yml:2: collectors[0].name: the name bellwether is taken",
        ),
        ("collectors: []\n", "bellwether.yml:1: collectors: expected a list of at least one collector"),
        ("colectors: []\n", "bellwether.yml:1: colectors: unknown key; did you mean collectors?"),
        ("- a\n", "bellwether.yml:1: expected a mapping with the key collectors"),
        ("", "bellwether.yml:1: expected a mapping with the key collectors"),
        (
            "collectors:\n- kind: node\n  every: 5s\n  every: 6s\n",
            "bellwether.yml:3: collectors[0].every: the key is given twice",
        ),
        ("collectors: [\n", "bellwether.yml:2: not YAML: "),
        (
            "collectors:\n- kind: node\n  max_series: many\n",
            "bellwether.yml:3: collectors[0].max_series: 'many': expected a valid integer",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    assert message(tmp_path, text).startswith(expected)


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    text = "collectors:\n- kind: nod\n- kind: node\n  every: five\nextra: 1\n"
    assert len(message(tmp_path, text).splitlines()) == 3


@pytest.mark.parametrize(
    "text",
    [
        "collectors:\n- kind: postgres\n  dsn: [hunter2]\n",
        "collectors:\n- kind: postgres\n  dns: postgres://bob:hunter2@db/x\n",
        "collectors:\n- kind: postgres\n  dsn: postgres://bob:hunter2@${HOST}/x\n",
        "collectors:\n- kind: postgres\n  dsn: postgres://db\n  password: {hunter2: 1}\n",
        "collectors:\n- kind: node\n  every: ${SECRET}\n",
    ],
)
def test_no_message_holds_a_secret(tmp_path: Path, text: str) -> None:
    assert "hunter2" not in message(tmp_path, text, {"SECRET": "hunter2"})


def test_an_unreadable_file_is_named() -> None:
    with pytest.raises(
        SettingsError, match=r"/nonexistent\.yml: cannot be read: No such file or directory; expected a YAML file"
    ):
        load(Path("/nonexistent.yml"))


PACK = """\
description: Orders.
queries:
  orders:
    type: {type}
    labels: [{label}]
    metrics: {{shop_orders: {{help: Orders., value: orders{unit}}}}}
    sql: select {label}, count(*) as orders from orders where at <= %(as_of)s group by {label}
"""


def orders(tmp_path: Path, collector: str, **said: str) -> str:
    """A collector with a pack of its own."""
    folder = tmp_path / collector
    folder.mkdir()
    (folder / "orders.yaml").write_text(PACK.format(**{"type": "gauge", "label": "city", "unit": ""} | said))
    return f"- {{kind: sql, name: {collector}, dsn: dbname=x, packs: [orders], packs_dir: {folder}}}\n"


@pytest.mark.parametrize(
    ("said", "described"),
    [
        ({"label": "street"}, "a gauge with the labels source, street"),
        ({"unit": ", unit: currency"}, "a gauge of currency with the labels source, city"),
        ({"type": "histogram\n    buckets: [1]"}, "a histogram with the labels source, city"),
    ],
)
def test_two_collectors_mean_one_thing_by_one_name(tmp_path: Path, said: dict[str, str], described: str) -> None:
    text = "collectors:\n" + orders(tmp_path, "one") + orders(tmp_path, "two", **said)
    assert message(tmp_path, text) == (
        f"bellwether.yml:3: collectors[1]: declares shop_orders, {described}; the collector one declares "
        "shop_orders, a gauge with the labels source, city: rename it in one"
    )


def test_collectors_may_share_what_they_declare_alike(tmp_path: Path) -> None:
    text = "collectors:\n" + orders(tmp_path, "one") + orders(tmp_path, "two")
    text += "".join(
        f"- {{kind: sql, name: s{number}, dsn: dbname=x}}\n- {{kind: node, name: n{number}}}\n" for number in (1, 2)
    )
    text += "- {kind: clickhouse, url: http://127.0.0.1:8123}\n"
    assert len(read(tmp_path, text).collectors) == 7


def test_a_list_is_not_said_to_be_empty_when_what_is_in_it_is_wrong(tmp_path: Path) -> None:
    text = "collectors:\n- {{kind: funnel, dsn: dbname=x, funnels: {}}}\n"
    short = message(tmp_path, text.format("[{name: a, steps: [b]}]"))
    assert "bellwether.yml:2: collectors[0].funnels[0].steps: Tuple should have at least 2 items" in short
    assert "\n" not in short
    assert "bellwether.yml:2: collectors[0].funnels: Tuple should have at least 1 item" in message(tmp_path, text.format("[]"))
