"""Packs from files: how each mistake is told, and which packs are chosen."""

import re
from pathlib import Path

import pytest

from exporter.bundle.jsonnet import evaluate
from exporter.errors import SettingsError
from exporter.packs.load import choose, load, shipped
from exporter.packs.pack import Query
from exporter.packs.unit import UNITS

GOOD = """\
description: Orders of a shop.
queries:
  orders:
    type: counter
    labels: [outcome]
    known: {outcome: [paid, refused]}
    metrics:
      shop_orders_total:
        help: Orders by outcome.
        value: orders
    sql: |
      select outcome, count(*) as orders from orders
      where created_at > %(since)s and created_at <= %(as_of)s group by outcome
"""


def refusal(folder: Path, text: str) -> str:
    """The message for a file, without the folder's name."""
    file = folder / "shop.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file)
    return str(caught.value).replace(f"{folder}/", "")


def test_a_metric_is_declared_as_its_pack_says(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(GOOD)
    (metric,) = load(file).declares()
    assert (metric.name, metric.help, metric.type, metric.labels, metric.unit) == (
        "shop_orders_total",
        "Orders by outcome.",
        "counter",
        ("source", "outcome"),
        "",
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("        help: Orders by outcome.\n", "", "8: queries.orders.metrics.shop_orders_total.help: a value is required"),
        (
            "help: Orders by outcome.",
            "help: [a]",
            "9: queries.orders.metrics.shop_orders_total.help: expected a valid string",
        ),
        ("help: Orders by outcome.", "help: ' '", "3: queries.orders: shop_orders_total: a help text is required"),
        ("value: orders", "value: 7", "10: queries.orders.metrics.shop_orders_total.value: 7: expected a valid string"),
        ("value: orders", "valeu: orders",
         ("8: queries.orders.metrics.shop_orders_total.value: a value is required\n"
          "shop.yaml:10: queries.orders.metrics.shop_orders_total.valeu: unknown key; did you mean value?")),
        ("value: orders", "unit: parsecs\n        value: orders",
         ("10: queries.orders.metrics.shop_orders_total.unit: 'parsecs' is no unit; expected one of bits, boolean, bytes, "
          "celsius, currency, hertz, joules, milliseconds, months, multixacts, ratio, seconds, timestamp_seconds, "
          "transactions, or none")),
        ("value: orders", "unit: second\n        value: orders",
         "10: queries.orders.metrics.shop_orders_total.unit: 'second' is no unit; did you mean seconds?"),
        ("orders_total:\n", "order_bytes_total:\n        unit: seconds\n",
         ("3: queries.orders: shop_order_bytes_total: its name says bytes, its unit seconds: "
          "leave the unit out, or rename the metric")),
        ("orders_total:\n", "order_seconds_total:\n        unit: milliseconds\n",
         ("3: queries.orders: shop_order_seconds_total: its name says seconds, its unit milliseconds: "
          "leave the unit out, or rename the metric")),
        ("type: counter", "type: heatmap", "4: queries.orders.type: 'heatmap': expected 'gauge', 'counter' or 'histogram'"),
        ("type: counter", "type: histogram", "3: queries.orders: buckets: a histogram has bounds, and nothing else does"),
        ("    type: counter\n", "    type: counter\n    buckets: [1]\n",
         "3: queries.orders: buckets: a histogram has bounds, and nothing else does"),
        ("    labels:", "    nulls: {refund: 0}\n    labels:",
         "3: queries.orders: nulls: 'refund' is neither a label nor a value"),
        ("    labels:", "    nulls: {orders: none}\n    labels:",
         "3: queries.orders: nulls: 'orders' is a value: expected a number"),
        ("    labels:", "    nulls: {outcome: 0}\n    labels:",
         "3: queries.orders: nulls: 'outcome' is a label: expected a text"),
        ("    type: counter\n", "    when: 1h\n    type: counter\n",
         ("4: queries.orders.when: unknown key; expected one of "
          + ", ".join(sorted(Query.model_fields)))),
        ("    type: counter\n", "    type: counter\n    every: 1h\n",
         "3: queries.orders: every: a counter is asked at each run, where it reads only what is new"),
        ("    type: counter\n", "    type: counter\n    every: soon\n",
         "5: queries.orders.every: expected a duration such as 15s, 5m or 1h30m"),
        ("    type: counter\n", "    type: counter\n    max_series: 0\n",
         "5: queries.orders.max_series: 0: expected greater than or equal to 1"),
        ("queries:", "if: false\nqueries:", "2: if: unknown key; expected one of description, queries, reads"),
        ("labels: [outcome]", "labels: [outcome, no]", "5: queries.orders.labels[1]: False: expected a valid string"),
        ("labels: [outcome]", "labels: [outcome, source]",
         "5: queries.orders.labels: the label source is added by itself: leave it out"),
        ("labels: [outcome]", "labels: [outcome, outcome]",
         "5: queries.orders.labels: labels: a label is declared twice: outcome, outcome"),
        ("labels: [outcome]", "labels: [out-come]", "5: queries.orders.labels: labels: 'out-come' is not a label name"),
        ("known: {outcome:", "known: {result:", "3: queries.orders: known: 'result' is not one of the labels (outcome)"),
        ("[paid, refused]", "[]", "6: queries.orders.known.outcome: Tuple should have at least 1 item after validation, not 0"),
        ("[paid, refused]", "[[]]", "6: queries.orders.known.outcome[0]: expected a valid string"),
        ("value: orders", "value: outcome",
         "3: queries.orders: shop_orders_total: the column 'outcome' is a label, so it cannot be the value"),
        ("type: counter", "type: gauge",
         "3: queries.orders: shop_orders_total is a gauge: a counter's name ends in _total, and no other's does"),
        ("shop_orders_total", "shop_orders",
         "3: queries.orders: shop_orders is a counter: a counter's name ends in _total, and no other's does"),
        ("shop_orders_total", "shop-orders_total",
         ("8: queries.orders.metrics.shop-orders_total: 'shop-orders_total' is not a metric name: "
          "letters, digits, '_' and ':', not starting with a digit")),
        ("created_at > %(since)s and ", "",
         "3: queries.orders: sql: a counter's query uses %(as_of)s, %(since)s; this one uses %(as_of)s"),
        ("%(as_of)s", "now()", "11: queries.orders.sql: got 'now('; a pack's only clock is %(as_of)s"),
        ("group by outcome", "group by outcome; select 1",
         "11: queries.orders.sql: expected one statement, got a semicolon inside it"),
        ("from orders", "from bellwether.payments",
         "1: reads: expected the views of the contract that the queries name (payments), got none"),
        ("queries:", "reads: [payments]\nqueries:",
         "1: reads: expected the views of the contract that the queries name (none), got payments"),
        ("    labels: [outcome]\n", "    labels: [outcome]\n    labels: [shop]\n",
         "5: queries.orders.labels: the key is given twice"),
        ("description: Orders of a shop.", "description: [", "3: not YAML: expected ',' or ']', but got ':'"),
        (GOOD, "", "1: expected a mapping with the keys description, reads, queries"),
        (GOOD, "- one", "1: expected a mapping with the keys description, reads, queries"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_line_path_and_what_was_expected(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert refusal(tmp_path, GOOD.replace(old, new, 1)) == f"shop.yaml:{message}"


def test_a_gauge_has_no_window(tmp_path: Path) -> None:
    text = GOOD.replace("type: counter", "type: gauge").replace("_total", "")
    expected = "shop.yaml:3: queries.orders: sql: a gauge's query uses %(as_of)s; this one uses %(as_of)s, %(since)s"
    assert refusal(tmp_path, text) == expected


HISTOGRAM = """\
description: Ages.
queries:
  ages:
    type: histogram
    buckets: [1, 10]
    metrics:
      shop_order_age_seconds: {help: Age of open orders., value: age}
    sql: select 5 as age where %(as_of)s is not null
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[1, 10]", "[10, 1]", "buckets: expected finite bounds, each above the one before it"),
        ("[1, 10]", "[1, .inf]", "buckets: expected finite bounds, each above the one before it"),
        ("[1, 10]", "[1]\n    nulls: {age: 0}",
         "a histogram's query has one metric, and a NULL in it is no observation: it takes no nulls"),
        ("    sql", "      shop_more_seconds: {help: More., value: more}\n    sql",
         "a histogram's query has one metric, and a NULL in it is no observation: it takes no nulls"),
        ("shop_order_age_seconds", "shop_orders_total",
         "shop_orders_total is a histogram: a counter's name ends in _total, and no other's does"),
        ("%(as_of)s", "%(since)s", "sql: a histogram's query uses %(as_of)s; this one uses %(since)s"),
    ],
)  # fmt: skip
def test_mistakes_in_a_histogram_are_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert refusal(tmp_path, HISTOGRAM.replace(old, new, 1)) == f"shop.yaml:3: queries.ages: {message}"


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("shop_order_bytes_total", "bytes"),
        ("shop_order_time_seconds_total", "timestamp_seconds"),
        ("shop_order_milliseconds_total", "milliseconds"),
        ("shop_turnover_total", "currency"),
        ("shop_orders_total", "''"),
    ],
)
def test_a_unit_that_the_name_does_not_contradict_is_taken(tmp_path: Path, name: str, unit: str) -> None:
    (tmp_path / "shop.yaml").write_text(GOOD.replace("shop_orders_total:\n", f"{name}:\n        unit: {unit}\n"))
    (metric,) = choose(["shop"], tmp_path).packs["shop"].declares()
    assert (metric.name, metric.unit) == (name, unit.strip("'"))


def test_the_dashboards_know_every_unit_that_a_pack_may_have() -> None:
    sources = Path(__file__).parents[2]
    units = evaluate(sources, f"[(import 'dashboards/lib/units.libsonnet').grafana(unit) for unit in {list(UNITS)}]")
    assert len(units) == len(UNITS)


@pytest.mark.parametrize(
    ("labels", "column", "refused"),
    [
        ("user_id", "user_id", "user_id"),
        ("kind, person", "device as kind, user_id as person", "user_id"),
        ("person", "Users.User_Id::text AS Person", "user_id"),
        ("person", "cast(users.user_id as text) as person", "user_id"),
        ("person", "toString(account_id) as person", "account_id"),
        ("Person", 'user_id as "Person"', "user_id"),
        ("USER_ID", 'lower(user_id) as "USER_ID"', "user_id"),
        ("person", 'max("user_id")::text as person', "user_id"),
    ],
)
def test_a_column_that_identifies_is_refused_as_a_label(tmp_path: Path, labels: str, column: str, refused: str) -> None:
    label = labels.rpartition(" ")[2]
    text = (
        f"description: People.\nreads: [users]\nqueries:\n  people:\n    labels: [{labels}]\n"
        "    metrics: {shop_people: {help: People., value: people}}\n"
        f"    sql: select {column}, count(*) as people from bellwether.users where created_at <= %(as_of)s group by 1\n"
    )
    told = f"labels: '{label}' would show {refused}, which the contract says is never exported"
    assert refusal(tmp_path, text) == f"shop.yaml:4: queries.people: {told}"


def test_an_identifier_may_be_counted_and_a_column_of_that_name_in_another_table_shown(tmp_path: Path) -> None:
    text = GOOD.replace("outcome", "group_id").replace("    known: {group_id: [paid, refused]}\n", "")
    (tmp_path / "shop.yaml").write_text(text.replace("count(*)", "count(user_id)"))
    assert list(choose(["shop"], tmp_path).packs) == ["shop"]


def test_two_queries_may_not_declare_one_metric(tmp_path: Path) -> None:
    second = GOOD[GOOD.index("  orders:") :].replace("  orders:", "  again:", 1)
    assert refusal(tmp_path, GOOD + second) == "shop.yaml:1: queries: shop_orders_total is declared by two queries"


def test_a_file_that_holds_itself_is_refused_like_any_other(tmp_path: Path) -> None:
    assert refusal(tmp_path, GOOD.replace("queries:", "reads: &loop [*loop]\nqueries:")).startswith("shop.yaml:2: reads[0]: ")
    assert refusal(tmp_path, "description: one\nqueries: &loop {again: *loop}").startswith("shop.yaml:2: queries.again.")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"shop\.yaml: cannot be read: .* expected a pack, a YAML file"):
        load(tmp_path / "shop.yaml")


def test_the_example_of_the_page_is_a_pack(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "writing-a-pack.md"
    _, *examples = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "orders.yaml").write_text("\n".join(examples))
    names = [metric.name for metric in choose(["orders"], tmp_path).packs["orders"].declares()]
    assert names == [
        "shop_orders_waiting",
        "shop_oldest_order_seconds",
        "shop_orders_total",
        "shop_turnover_total",
        "shop_waiting_order_age_seconds",
        "shop_returning_customers_ratio",
        "shop_country_returning_customers_ratio",
    ]


def test_packs_are_chosen_by_name_or_all_there_are(tmp_path: Path) -> None:
    assert list(choose(None, None).packs) == list(shipped())
    (tmp_path / "shop.yaml").write_text(GOOD)
    (tmp_path / "notes.txt").write_text("not a pack")
    assert list(choose(None, tmp_path).packs) == [*shipped(), "shop"]
    assert list(choose(["shop", "shop"], tmp_path).packs) == ["shop"]
    assert choose(["revenue"], tmp_path).packs["revenue"] is shipped()["revenue"]  # one declaration, however many collectors


def test_a_choice_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(GOOD)
    missing = tmp_path / "absent"
    with pytest.raises(ValueError, match=r"packs: there is no pack 'shpo'; there are .*revenue, .*shop"):
        choose(["shpo"], tmp_path)
    with pytest.raises(ValueError, match=f"packs_dir: '{missing}' is not a folder"):
        choose(None, missing)


def test_a_wrong_file_is_refused_and_the_others_are_chosen(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(GOOD)
    (tmp_path / "store.yaml").write_text(GOOD)
    (tmp_path / "support.yaml").write_text(GOOD)
    (tmp_path / "wrong.yaml").write_text(GOOD.replace("group by", "; group by"))
    choice = choose(["wrong", "shop", "store", "support"], tmp_path)
    assert list(choice.packs) == ["shop", "support"]
    assert choice.packs["support"] is shipped()["support"]
    assert {name: why.replace(f"{tmp_path}/", "") for name, why in choice.refused.items()} == {
        "wrong": "wrong.yaml:11: queries.orders.sql: expected one statement, got a semicolon inside it",
        "store": "store.yaml:8: queries.orders.metrics.shop_orders_total: the pack shop declares it, too: rename it in one",
        "support.yaml": "support.yaml:1: Bellwether ships a pack of this name, and runs that: rename the file",
    }
    assert choose(["shop"], tmp_path).refused == {}  # what is not chosen does not matter


@pytest.mark.parametrize(
    ("type_", "labels", "unit", "told"),
    [
        ("gauge", "[plan]", "currency", "a gauge of currency with the labels source, plan"),
        ("gauge", "[plan, currency]", "months", "a gauge of months with the labels source, plan, currency"),
        ("histogram\n    buckets: [1]", "[plan, currency]", "currency",
         "a histogram of currency with the labels source, plan, currency"),
    ],
)  # fmt: skip
def test_a_metric_of_a_shipped_pack_is_what_it_is_there_although_that_pack_is_not_chosen(
    tmp_path: Path, type_: str, labels: str, unit: str, told: str
) -> None:
    (metric,) = (metric for metric in shipped()["revenue"].declares() if metric.name == "saas_mrr")
    text = (
        "description: Money.\nqueries:\n  money:\n    type: {}\n    labels: {}\n    metrics:\n      saas_mrr: {}\n    sql: {}\n"
    )
    sql = "select plan, currency, 1 as amount from deals where at <= %(as_of)s"
    for file, said in (("other", (type_, labels, unit)), ("same", ("gauge", "[plan, currency]", metric.unit))):
        measure = f"{{help: Money., value: amount, unit: {said[2]}}}"
        (tmp_path / f"{file}.yaml").write_text(text.format(said[0], said[1], measure, sql))
    assert metric.labels == ("source", "plan", "currency")
    choice = choose(["other", "same"], tmp_path)
    assert list(choice.packs) == ["same"]
    [why] = choice.refused.values()
    assert re.sub(r":\d+:", ":", why.replace(f"{tmp_path}/", "")) == (
        f"other.yaml: queries.money.metrics.saas_mrr: this is {told}, and {metric.described} "
        "in the pack revenue that Bellwether ships: rename it"
    )


@pytest.mark.parametrize(
    ("sql", "lines"),
    [
        ("|\n      select 1\n      from here\n      where %(as_of)s is not null", [9, 10, 11]),
        ("|\n\n      select 1\n      where %(as_of)s > %(as_of)s\n        and 1 = 100 %% 7", [10, 11, 12]),
        ("select 1 where %(as_of)s is not null", [8]),
        ("select 1\n      where %(as_of)s is not null", [8, 8]),  # folded: lines of the file are no lines of SQL
    ],
)
def test_a_place_in_the_sql_is_a_line_of_the_file(tmp_path: Path, sql: str, lines: list[int]) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(
        "description: One.\nqueries:\n  one:\n    metrics:\n      shop_one:\n        help: One.\n"
        f"        value: one\n    sql: {sql}\n"
    )
    query = load(file).queries["one"]
    asked = query.sql.replace("%(as_of)s", "$1").replace("%%", "%")  # what the database gets
    assert query.origin is not None
    begins = [0, *(match.end() for match in re.finditer(r"\n", asked))] if len(set(lines)) > 1 else [0, len(asked) - 1]
    told = [query.origin.message("no", query.sql, begin + 1) for begin in begins]
    assert told == [f"{file}:{line}: queries.one.sql: no" for line in (lines if len(lines) > 1 else lines * 2)]
    assert query.origin.message("no") == f"{file}:8: queries.one.sql: no"
