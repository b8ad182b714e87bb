"""The kind `elasticsearch` against a real server that gives the documented answers of Elasticsearch 8 and OpenSearch 2.

Neither can be had here: what is asked of them is compared with their documentation by hand.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from exporter.clients.volume import INCOMPLETE, LINES, NEWEST, READY
from exporter.collectors.elasticsearch import HEALTH, STATUS, Elasticsearch
from exporter.errors import Denied, Malformed, PollError, Throttled, Unreachable
from exporter.metric import Sample
from exporter.poll import poll
from tests.endpoint import Endpoint, Request, Response, endpoint

SEARCH, CLUSTER = "/logs-*/_search", "/_cluster/health"
Make = Callable[..., Elasticsearch]


def searched(levels: str = "search_fresh", newest: str = "search_newest") -> Callable[[Request], Response]:
    """The answers to both searches: the one for levels and the one for the newest line."""
    return lambda request: Response.recorded(f"elasticsearch/{levels if 'aggs' in request.data else newest}")


@pytest.fixture
def server() -> Iterator[Endpoint]:
    with endpoint() as served:
        served.answers |= {SEARCH: searched(), CLUSTER: Response.recorded("elasticsearch/health_8")}
        yield served


@pytest.fixture
async def elasticsearch(server: Endpoint) -> AsyncIterator[Make]:
    """Makes collectors of the server, closed after the test."""
    made: list[Elasticsearch] = []

    def make(**settings: Any) -> Elasticsearch:
        made.append(Elasticsearch.model_validate({"name": "shop", "url": server.url, **settings}))
        return made[-1]

    yield make
    for collector in made:
        await collector.close()


async def samples(collector: Elasticsearch) -> list[Sample]:
    return [sample async for sample in collector.collect()]


def lines(found: list[Sample]) -> dict[str, float]:
    return {sample.labels[1]: sample.value for sample in found if sample.metric is LINES}


def value(found: list[Sample], metric: Any) -> float | None:
    return next((sample.value for sample in found if sample.metric is metric), None)


NONE = dict.fromkeys(("trace", "debug", "info", "warning", "error", "critical", "other"), 0)


def set_clock(monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    monkeypatch.setattr("exporter.collectors.elasticsearch.time.time", lambda: now)


async def test_lines_are_counted_by_level_from_the_start_on(
    server: Endpoint, elasticsearch: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = elasticsearch(query="service.name:shop", levels={"WARN": "critical"})
    set_clock(monkeypatch, 1_000_000)
    assert lines(await samples(collector)) == NONE
    assert len(server.asked(SEARCH)) == 1
    set_clock(monkeypatch, 1_000_060)
    assert lines(await samples(collector)) == NONE | {"info": 6, "error": 1}
    server.answers[SEARCH] = searched("search_levels")
    set_clock(monkeypatch, 1_000_300)
    # 30 settled, three of them without a level, and 12 fresh; what was fresh before is among them and not added
    assert lines(await samples(collector)) == NONE | {"info": 30, "error": 6, "critical": 3, "other": 3}
    request = server.asked(SEARCH)[-2].data
    assert server.asked(SEARCH)[-2].query == {"allow_no_indices": "false"}
    whole = {"gt": 1_000_000_000, "lte": 1_000_300_000, "format": "epoch_millis"}
    assert request["query"]["bool"]["filter"] == [
        {"query_string": {"query": "service.name:shop"}}, {"range": {"@timestamp": whole}},
    ]  # fmt: skip
    assert {name: each["filter"]["range"]["@timestamp"] for name, each in request["aggs"].items()} == {
        "settling": whole | {"lte": 1_000_180_000},
        "fresh": whole | {"gt": 1_000_180_000},
    }
    assert request["aggs"]["fresh"]["aggs"] == {"levels": {"terms": {"field": "log.level", "size": 50}}}
    assert (request["size"], request["track_total_hits"]) == (0, False)


@pytest.mark.parametrize("answer", ["search_unavailable", "search_failed", "search_timed_out", "all_failed"])
async def test_a_count_of_a_part_is_not_shown_but_made_up_for(
    server: Endpoint, elasticsearch: Make, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    collector = elasticsearch()
    set_clock(monkeypatch, 1_000_000)
    assert value(await samples(collector), INCOMPLETE) == 0
    set_clock(monkeypatch, 1_000_060)
    server.answers[SEARCH] = searched(answer, "all_failed" if answer == "all_failed" else "search_newest")
    server.answers[CLUSTER] = Response.recorded("elasticsearch/health_1_7")
    found = await samples(collector)
    assert (lines(found), value(found, INCOMPLETE)) == (NONE, 1)
    assert value(found, READY) == 0  # the health that explains it is there all the same
    server.answers[SEARCH] = searched()
    set_clock(monkeypatch, 1_000_090)
    found = await samples(collector)
    assert (lines(found), value(found, INCOMPLETE)) == (NONE | {"info": 6, "error": 1}, 0)
    window = server.asked(SEARCH)[-2].data["aggs"]["fresh"]["filter"]["range"]["@timestamp"]
    assert (window["gt"], window["lte"]) == (1_000_000_000, 1_000_090_000)


async def test_a_remote_cluster_that_was_skipped_makes_a_count_incomplete(
    server: Endpoint, elasticsearch: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
    found = {
        "timed_out": False,
        "_shards": shards,
        "_clusters": {"total": 2, "successful": 1, "skipped": 1},
        "hits": {"hits": []},
    }
    server.answers["/logs-*,eu:logs-*/_search"] = Response.json(found)
    collector = elasticsearch(index="logs-*,eu:logs-*")
    set_clock(monkeypatch, 1_000_000)
    await samples(collector)
    set_clock(monkeypatch, 1_000_060)
    assert value(await samples(collector), INCOMPLETE) == 1


async def test_the_newest_line_tells_whether_lines_still_come_in(server: Endpoint, elasticsearch: Make) -> None:
    collector = elasticsearch(time_field="time")
    assert value(await samples(collector), NEWEST) == pytest.approx(1795225200.123)
    [request] = [each.data for each in server.asked(SEARCH)]
    assert (request["size"], request["_source"]) == (1, False)
    assert request["sort"] == [{"time": {"order": "desc", "numeric_type": "date", "unmapped_type": "date"}}]
    server.answers[SEARCH] = searched(newest="search_none")
    assert value(await samples(collector), NEWEST) == pytest.approx(1795225200.123)
    assert value(await samples(elasticsearch()), NEWEST) is None


@pytest.mark.parametrize(
    ("version", "status", "figures"),
    [
        ("health_8", ("shop-logs", "yellow"), {"number_of_nodes": 1, "task_max_waiting_in_queue_millis": 12}),
        ("health_opensearch_2", ("opensearch-cluster", "green"), {"number_of_nodes": 2, "active_shards": 12}),
        ("health_1_7", ("old", "red"), {"number_of_nodes": 1, "task_max_waiting_in_queue_millis": None}),
    ],
)
async def test_the_clusters_health_has_the_names_of_elasticsearch_exporter(
    server: Endpoint, elasticsearch: Make, version: str, status: tuple[str, str], figures: dict[str, float | None]
) -> None:
    server.answers[CLUSTER] = Response.recorded(f"elasticsearch/{version}")
    found = await samples(elasticsearch())
    cluster, colour = status
    assert {sample.labels: sample.value for sample in found if sample.metric is STATUS} == {
        (cluster, each): each == colour for each in ("green", "yellow", "red")
    }
    assert {name: value(found, HEALTH[name]) for name in figures} == figures
    assert value(found, READY) == (colour != "red")
    assert HEALTH["active_shards"].name == "elasticsearch_cluster_health_active_shards"


async def test_the_health_is_left_out_where_it_may_not_be_asked_for(server: Endpoint, elasticsearch: Make) -> None:
    server.answers[CLUSTER] = Response.recorded("elasticsearch/unauthorized")
    found = await samples(elasticsearch(cluster_health=False))
    assert (value(found, READY), value(found, STATUS), lines(found)) == (None, None, NONE)
    assert server.asked(CLUSTER) == []


async def test_an_api_key_goes_with_each_request(server: Endpoint, elasticsearch: Make) -> None:
    await samples(elasticsearch(api_key="aWQ6a2V5"))
    assert [request.headers["authorization"] for request in server.requests] == ["ApiKey aWQ6a2V5"] * 2
    with pytest.raises(ValidationError, match="api_key or other credentials"):
        elasticsearch(api_key="k", bearer_token="t")


@pytest.mark.parametrize(
    ("answer", "kind", "name"),
    [
        ("unauthorized", Denied, "(security_exception)"),
        ("no_index", Malformed, "(index_not_found_exception)"),
        ("rejected", Throttled, "(es_rejected_execution_exception)"),
        ("text_field", Malformed, "(illegal_argument_exception)"),
        ("html", Malformed, "expected JSON"),
        ("health_8", Malformed, "is it"),
    ],
)
async def test_each_documented_failure_has_its_reason(
    server: Endpoint, elasticsearch: Make, answer: str, kind: type[PollError], name: str
) -> None:
    server.answers[SEARCH] = Response.recorded(f"elasticsearch/{answer}")
    with pytest.raises(kind) as raised:
        await samples(elasticsearch(username="bellwether", password="s3cr3t-password"))
    assert name in str(raised.value)
    assert "s3cr3t" not in str(raised.value)
    assert "[bellwether]" not in str(raised.value)


async def test_a_wait_that_is_asked_for_is_handed_on(server: Endpoint, elasticsearch: Make) -> None:
    server.answers[CLUSTER] = Response(b"{}", 429, {"Retry-After": "30"})
    with pytest.raises(Throttled) as raised:
        await samples(elasticsearch())
    assert raised.value.retry_after == 30


async def test_counts_and_health_of_another_form_are_malformed(
    server: Endpoint, elasticsearch: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = elasticsearch()
    set_clock(monkeypatch, 1_000_000)
    server.answers[CLUSTER] = Response.json({"status": "green"})
    with pytest.raises(Malformed, match="_cluster/health: expected name"):
        await samples(collector)
    server.answers[CLUSTER] = Response.recorded("elasticsearch/health_8")
    await samples(collector)
    set_clock(monkeypatch, 1_000_060)
    server.answers[SEARCH] = searched("search_none")
    with pytest.raises(Malformed, match="expected aggregations"):
        await samples(collector)


@pytest.mark.parametrize("index", ["", "a/b", "a?b", "_all", "a b"])
def test_an_index_cannot_lead_to_another_part_of_the_api(index: str) -> None:
    with pytest.raises(ValidationError, match="index"):
        Elasticsearch.model_validate({"url": "http://x", "index": index})


async def test_nobody_there_is_unreachable(elasticsearch: Make) -> None:
    with pytest.raises(Unreachable):
        await samples(elasticsearch(url="http://127.0.0.1:1"))


async def test_all_of_it_passes_the_guards(elasticsearch: Make) -> None:
    collector = elasticsearch()
    draft = await poll(collector, {metric.name: metric for metric in collector.declares()})
    assert draft.dropped == {}
    assert draft.lines[STATUS][1] == 'elasticsearch_cluster_health_status{cluster="shop-logs",color="yellow"} 1.0\n'
