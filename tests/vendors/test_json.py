"""The kind `json`: what each of its settings does, against a server of the test's own."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from exporter.clients.declaration import number
from exporter.collectors.json import Json
from exporter.document import Document
from exporter.errors import Denied, Malformed, SettingsError, Unreachable
from exporter.poll import poll
from exporter.settings import settings_of
from tests.endpoint import Endpoint, Request, Response, endpoint
from tests.vendors.case import Figures, asked

Make = Callable[..., Json]
STOCK = {"name": "shop_stock", "help": "Stock.", "value": "stock"}
CLOCK = "exporter.collectors.json.time.time"


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[Json] = []

    def build(url: str, *requests: dict[str, Any], **given: Any) -> Json:
        made.append(Json.model_validate({"name": "shop", "url": url, **({"requests": requests} if requests else {}), **given}))
        return made[-1]

    yield build
    for collector in made:
        await collector.close()


async def figures(collector: Json) -> Figures:
    """What it found, without what it says of its requests."""
    return {name: values for name, values in (await asked(collector)).items() if not name.startswith("bellwether_")}


GOODS = {"goods": [{"kind": "tea", "stock": 3}, {"kind": "cups", "stock": 40}]}


async def test_items_become_series_with_labels(server: Endpoint, make: Make) -> None:
    server.answers["/goods"] = Response.json(GOODS)
    request = {"path": "/goods", "items": "goods", "labels": {"kind": "kind"}, "metrics": [STOCK | {"scale": 0.5}]}
    assert await figures(make(server.url, request)) == {"shop_stock": {("tea",): 1.5, ("cups",): 20}}
    whole = {"path": "/goods", "metrics": [STOCK | {"value": "sum(goods[].stock)"}]}
    assert await figures(make(server.url, whole)) == {"shop_stock": {(): 43}}


@pytest.mark.parametrize(
    ("value", "read"), [(7, 7), (0.5, 0.5), ("12.5", 12.5), (True, 1), (False, 0), (-3, -3), ("1e3", 1000)]
)
def test_what_is_a_number(value: Any, read: float) -> None:
    assert number(value) == read


@pytest.mark.parametrize("value", ["x", "", "nan", "inf", float("nan"), float("inf"), 10**400, None, [], {}, [1]])
async def test_what_is_no_number_is_malformed_and_not_repeated(server: Endpoint, make: Make, value: Any) -> None:
    server.answers["/"] = Response.json({"stock": value})
    with pytest.raises(Malformed, match=r"shop_stock: value: stock: expected a number, got"):
        await figures(make(server.url, {"path": "/", "metrics": [STOCK]}))


async def test_a_missing_value_is_refused_absent_or_zero_as_told(server: Endpoint, make: Make) -> None:
    server.answers["/"] = Response.json({"goods": [{"kind": "tea"}, {"kind": "cups", "stock": 1}]})

    def request(**settings: Any) -> dict[str, Any]:
        return {"path": "/", "items": "goods", "labels": {"kind": "kind"}, "metrics": [STOCK | settings]}

    assert await figures(make(server.url, request(missing="absent"))) == {"shop_stock": {("cups",): 1}}
    assert await figures(make(server.url, request(missing="zero"))) == {"shop_stock": {("tea",): 0, ("cups",): 1}}
    with pytest.raises(Malformed, match="got nothing; set missing to absent or zero"):
        await figures(make(server.url, request()))


async def test_items_with_the_same_labels_are_combined_as_told(server: Endpoint, make: Make) -> None:
    rows = [{"kind": kind, "stock": stock} for kind, stock in (("tea", 3), ("tea", 5), ("cups", 1), ("milk", 1), ("jam", 2))]
    server.answers["/"] = Response.json({"goods": rows})

    async def found(**settings: Any) -> Any:
        request = {"path": "/", "items": "goods", "labels": {"kind": "kind"}, "metrics": [STOCK | settings]}
        return (await figures(make(server.url, request)))["shop_stock"]

    assert await found(combine="sum") == {("tea",): 8, ("cups",): 1, ("milk",): 1, ("jam",): 2}
    assert (await found(combine="max"))["tea",] == 5
    assert (await found(combine="min"))["tea",] == 3
    assert (await found(combine="mean"))["tea",] == 4
    assert await found(combine="sum", most=2) == {("tea",): 8, ("jam",): 2, ("other",): 2}
    assert await found(value=None) == {("tea",): 2, ("cups",): 1, ("milk",): 1, ("jam",): 1}
    assert await found(value=None, most=1) == {("tea",): 2, ("other",): 3}
    with pytest.raises(Malformed, match="got two alike; give combine"):
        await found()


async def test_labels_come_from_texts_numbers_and_truth_values(server: Endpoint, make: Make) -> None:
    server.answers["/"] = Response.json({"stock": 1, "a": 7, "b": True, "c": None, "u": "https://x.example/cart?session=1"})
    labels = {"a": "a", "b": "b", "c": "not_null(c, 'none')", "page": "path(u)"}
    found = await figures(make(server.url, {"path": "/", "labels": labels, "metrics": [STOCK]}))
    assert found == {"shop_stock": {("7", "true", "none", "/cart"): 1}}
    with pytest.raises(Malformed, match=r"label c: c: expected a text or number, got nothing; an expression such as not_null"):
        await figures(make(server.url, {"path": "/", "labels": {"c": "c"}, "metrics": [STOCK]}))


async def test_dates_become_unix_time(server: Endpoint, make: Make) -> None:
    server.answers["/"] = Response.json({"at": "2024-02-02T20:48:40.5Z", "on": "2024-02-02", "bad": "yesterday"})
    named = {"help": "A date.", "labels": {}}

    def collector(field: str) -> Json:
        return make(server.url, {"path": "/", "metrics": [named | {"name": "at", "value": f"timestamp({field})"}]})

    assert await figures(collector("at")) == {"at": {(): 1706906920.5}}
    assert await figures(collector("on")) == {"at": {(): 1706832000}}
    with pytest.raises(Malformed, match="got nothing"):
        await figures(collector("bad"))
    with pytest.raises(Malformed, match="expected other types in the document"):
        await figures(collector("missing"))


async def test_requests_say_what_time_it_is(server: Endpoint, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CLOCK, lambda: 1_700_000_000.9)
    server.answers["/since/2023-11-14"] = Response.json({"stock": 1})
    request = {
        "path": "/since/{now:date}",
        "method": "POST",
        "params": {"from": "{now-1h30m}", "to": "{now:unix}", "text": "at {now:ms}"},
        "windows": ["1d", "1w"],
        "body": {"range": {"from": "{start:ms}", "to": "{now:unix}"}, "period": ["{window}"], "other": "{braces}", "n": 1},
        "metrics": [STOCK],
    }
    assert await figures(make(server.url, request)) == {"shop_stock": {("1d",): 1, ("1w",): 1}}
    day, week = server.requests
    assert day.query == {"from": "2023-11-14T20:43:20Z", "to": "1700000000", "text": "at 1700000000900"}
    assert day.data == {
        "range": {"from": 1699913600900, "to": 1700000000}, "period": ["1d"], "other": "{braces}", "n": 1,
    }  # fmt: skip
    assert week.data["range"]["from"] == 1699395200900


def goods(number: int) -> list[dict[str, Any]]:
    return [{"kind": f"kind {number}", "stock": number}]


PAGED = {"path": "/goods", "items": "goods", "labels": {"kind": "kind"}, "metrics": [STOCK]}
THREE = {"shop_stock": {(f"kind {number}",): number for number in (1, 2, 3)}}


@pytest.mark.parametrize(
    ("pages", "method"),
    [
        ({"by": "url", "next": "next"}, "GET"),
        ({"by": "link"}, "GET"),
        ({"by": "cursor", "next": "cursor", "param": "after"}, "GET"),
        ({"by": "cursor", "next": "cursor", "param": "after"}, "POST"),
        ({"by": "page", "param": "page"}, "GET"),
        ({"by": "page", "param": "page", "first": 0}, "POST"),
        ({"by": "offset", "param": "skip"}, "GET"),
    ],
    ids=lambda value: value["by"] if isinstance(value, dict) else value,
)
async def test_all_pages_are_read(server: Endpoint, make: Make, pages: dict[str, Any], method: str) -> None:
    asked_for: list[dict[str, Any]] = []

    def page(request: Request) -> Response:
        given = request.query if method == "GET" else request.data
        asked_for.append(given)
        position = int(given.get("after", given.get("skip", given.get("page", 0)))) + (pages.get("first", 0) == 0)
        if pages["by"] == "page" and "first" not in pages:
            position = int(given["page"])
        found = goods(position) if position <= 3 else []
        more = position < 3
        links = {"next": f"?after={position}" if more else None, "cursor": position if more else None}
        link = f'<{server.url}/goods?after={position - 1}>; rel="prev"' + (f', </goods?after={position}>; rel="next"' * more)
        return Response.json({"goods": found, **links}, 200, Link=link)

    server.answers["/goods"] = page
    body = {"body": {"q": "x"}} if method == "POST" else {"params": {"limit": 1}}
    found = await figures(make(server.url, PAGED | body | {"method": method, "pages": pages}))
    assert found == THREE
    assert len(asked_for) == (4 if pages["by"] in {"page", "offset"} else 3)  # an empty page is the end
    if pages["by"] not in {"url", "link"}:
        assert all(set(body.get("body") or {"limit": 1}) <= set(given) for given in asked_for)


async def test_a_page_that_is_not_full_is_the_last(server: Endpoint, make: Make) -> None:
    def page(request: Request) -> Response:
        begin = int(request.query.get("skip", 0))
        return Response.json({"goods": [{"kind": str(each), "stock": each} for each in range(begin, min(begin + 2, 5))]})

    server.answers["/goods"] = page
    pages = {"by": "offset", "param": "skip", "size": 2}
    assert len((await figures(make(server.url, PAGED | {"pages": pages})))["shop_stock"]) == 5
    assert [request.query.get("skip") for request in server.requests] == [None, "2", "4"]


async def test_pages_without_end_are_not_read_without_end(server: Endpoint, make: Make) -> None:
    server.answers["/goods"] = Response.json({"goods": goods(1), "cursor": "same"})
    request = PAGED | {"pages": {"by": "cursor", "next": "cursor", "param": "after"}}
    with pytest.raises(Malformed, match="sent back to one"):
        await figures(make(server.url, request))
    server.answers["/goods"] = lambda request: Response.json({"goods": goods(1), "cursor": len(server.requests)})
    server.requests.clear()
    request = PAGED | {"pages": {"by": "cursor", "next": "cursor", "param": "after", "most": 3}}
    with pytest.raises(Malformed, match="there are more than 3; raise most"):
        await figures(make(server.url, request))
    assert len(server.requests) == 3


async def test_a_next_page_elsewhere_is_given_no_credentials(server: Endpoint, make: Make) -> None:
    with endpoint() as elsewhere:
        server.answers["/goods"] = Response.json({"goods": goods(1), "next": f"{elsewhere.url}/goods"})
        collector = make(server.url, PAGED | {"pages": {"by": "url", "next": "next"}}, bearer_token="s3cr3t")
        with pytest.raises(Malformed, match="sent on to"):
            await figures(collector)
        assert elsewhere.requests == []


async def test_a_secret_may_be_a_parameter_and_is_never_shown(server: Endpoint, make: Make) -> None:
    server.answers["/"] = Response.json({"stock": 1})
    collector = make(server.url, {"path": "/", "metrics": [STOCK]}, secret_params={"key": "s3cr3t-key"})
    await figures(collector)
    assert server.requests[0].query == {"key": "s3cr3t-key"}
    assert "s3cr3t" not in repr(collector)
    server.answers["/"] = Response.text("", status=500)
    with pytest.raises(Unreachable) as raised:
        await figures(collector)
    assert "s3cr3t" not in str(raised.value)
    server.answers["/"] = Response.json({"message": "no"}, 401)
    with pytest.raises(Denied):
        await figures(collector)


async def test_items_that_are_not_there_are_malformed_and_none_is_none(server: Endpoint, make: Make) -> None:
    for body, got in (({}, "nothing"), ({"goods": {"a": 1}}, "something else"), ([], "nothing")):
        server.answers["/goods"] = Response.json(body)
        with pytest.raises(Malformed, match=f"/goods: items: goods: expected a list in the answer, got {got}"):
            await figures(make(server.url, PAGED))
    server.answers["/goods"] = Response.json({"goods": []})
    assert await figures(make(server.url, PAGED)) == {}


async def test_a_size_beyond_the_limit_and_a_flood_of_series_are_stopped(server: Endpoint, make: Make) -> None:
    many = [{"kind": str(each), "stock": each} for each in range(50)]
    server.answers["/goods"] = Response.json({"goods": many})
    with pytest.raises(Malformed, match="expected at most 1000 bytes"):
        await figures(make(server.url, PAGED, max_size=1000))
    collector = make(server.url, PAGED, max_series=20)
    draft = await poll(collector, {metric.name: metric for metric in collector.declares()})
    assert draft.dropped["budget"] > 0


def file_of(request: str) -> Document:
    return Document.parse(f"collectors:\n  - kind: json\n    url: http://x\n    requests:\n      - {request}\n", "settings.yml")


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ("{path: /x, items: 'a[', metrics: [{name: m, help: h}]}",
         r"settings.yml:5: .*items: 'a\[': expected a JMESPath .* from column 3 on"),
        ("{path: /x, items: '', metrics: [{name: m, help: h}]}", "got an empty text"),
        ("{path: /x, metrics: [{name: m, help: h, value: 'lenght(a)'}]}",
         r"value: 'lenght\(a\)': JMESPath has no function lenght"),
        ("{path: /x, metrics: [{name: m, help: h, value: 'a[?contains(b)]'}]}", "contains takes 2 arguments, got 1"),
        ("{path: /x, metrics: [{name: m, help: h, value: 'not_null()'}]}", "takes at least 1 arguments, got 0"),
        ("{path: /x, labels: {kind: 7}, metrics: [{name: m, help: h}]}", "expected a JMESPath expression as text"),
        ("{path: /x, labels: {source: a}, metrics: [{name: m, help: h}]}", "m: expected other labels than source"),
        ("{path: /x, labels: {a-b: a}, metrics: [{name: m, help: h}]}", "'a-b' is not a label name"),
        ("{path: '/x?at={now:sec}', metrics: [{name: m, help: h}]}", r"\{now:sec\}: expected \{now\}"),
        ("{path: '/x?at={start}', metrics: [{name: m, help: h}]}", "expected windows beside it"),
        ("{path: /x, windows: [0s], metrics: [{name: m, help: h}]}", "more than no time"),
        ("{path: /x, body: {a: 1}, metrics: [{name: m, help: h}]}", "expected method: POST beside body"),
        ("{path: /x, pages: {by: url}, metrics: [{name: m, help: h}]}", "expected next beside by: url"),
        ("{path: /x, pages: {by: page}, metrics: [{name: m, help: h}]}", "expected param beside by: cursor, page"),
        ("{path: /x, metrics: [{name: m, help: h, type: counter}]}", "expected a name that ends in _total"),
        ("{path: /x, metrics: [{name: 1m, help: h}]}", "is not a metric name"),
        ("{path: /x, metrics: [{name: bellwether_x, help: h}]}", "are the exporter's own"),
        ("{path: /x, labels: {k: k}, metrics: [{name: m, help: h, value: v, most: 3}]}", "expected combine: sum beside most"),
        ("{path: /x, metrics: [{name: m, help: h, most: 3}]}", "expected labels beside most"),
        ("{path: /x, labels: {k: k}, metrics: [{name: m, help: h, labels: {k: k}}]}", "expected the label k once"),
        ("{path: /x, metrics: [{name: m, help: h}, {name: m, help: h, labels: {k: k}}]}", "declared twice and differently"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused_with_their_line(request_: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings_of(file_of(request_), {})


def test_settings_are_compared_by_what_they_say(make: Make) -> None:
    one, same, other = (make("http://x", PAGED | {"items": items}) for items in ("goods", "goods", "wares"))
    assert one.same_as(same)
    assert not one.same_as(other)
