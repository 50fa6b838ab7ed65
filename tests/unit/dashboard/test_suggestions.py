"""Suggestions while a query is typed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from gemtap.dashboard.list_conditions import chips_of, narrowed, whole_query
from gemtap.stores.query.fields import FIELDS
from gemtap.stores.query.filter import Is
from gemtap.stores.query.parsing import conditions_in, parse, quoted
from tests.records import NOON
from tests.unit.dashboard.conftest import Site

pytestmark = pytest.mark.anyio


async def suggested(site: Site, query: str, at: int | None = None) -> list[str]:
    """The queries that the suggestions lead to."""
    place = "" if at is None else f"&at={at}"
    given = await site.api(f"suggestions?q={quote(query)}{place}")
    return [query[: given["begin"]] + item["text"] + query[given["end"] :] for item in given["items"]]


async def test_fields_are_suggested_with_their_help(site: Site) -> None:
    """An empty field offers every field; letters offer those whose name or help has them."""
    assert set(await suggested(site, "")) == {f"{name}:" for name in (*FIELDS, "since", "until")}
    fields = ("model", "model_version", "finish_reason")
    assert await suggested(site, "error:no mod") == [f"error:no {name}:" for name in fields]
    assert await suggested(site, "-cli") == ["-client:"]
    assert await suggested(site, "cli error:no", 3) == ["client: error:no"]
    items = (await site.api("suggestions?q=rat"))["items"]
    assert items[0] == {"text": "rating:", "about": "rating"}
    assert await suggested(site, '"mod') == []
    assert await suggested(site, "zzz") == []


async def test_values_are_those_of_recorded_interactions(site: Site) -> None:
    """The most frequent value first, quoted if it needs it; fixed values of a field follow."""
    for model in ("gemini-b", "gemini-b", "a model"):
        await site.keep(model=model)
    assert await suggested(site, "model:") == ["model:gemini-b", 'model:"a model"']
    assert await suggested(site, "error:no -model:gemini-b,a") == ['error:no -model:gemini-b,"a model"']
    assert await suggested(site, 'model:"a m') == ['model:"a model"']
    assert await suggested(site, "status:2") == ["status:200"]
    assert await suggested(site, "rating:") == ["rating:good", "rating:bad"]
    assert await suggested(site, "error:y") == ["error:yes"]
    assert "since:7d" in await suggested(site, "since:")
    assert await suggested(site, "colour:") == []


async def test_tools_are_those_of_the_last_days(site: Site) -> None:
    """The tool that was called most comes first; results without a call, and calls of long ago, are not suggested."""
    now = datetime.now(UTC)
    for at, name, times in ((now, "bash", 1), (now, "read file", 2), (now - timedelta(days=30), "grep", 9)):
        calls = [{"name": name, "times": times}]
        results = [{"name": "edit", "times": 1, "failed": None}]
        await site.keep(timestamp=at, tool_use={"calls": calls, "results": results})
    assert await suggested(site, "tool:") == ['tool:"read file"', "tool:bash"]


async def test_without_the_store_fields_remain(lost_site: Site) -> None:
    """A store that cannot be reached takes the stored values away, and nothing else."""
    assert await suggested(lost_site, "mod") != []
    assert await suggested(lost_site, "rating:") == ["rating:good", "rating:bad"]


def test_a_query_is_cut_into_its_conditions() -> None:
    """Each is as it was written."""
    written = ['model:a,"b c"', "-foo", '"x y"', "-status:4xx", 'text:"a b",c']
    assert conditions_in("  ".join(written) + " ") == written
    assert conditions_in(" ") == []


@pytest.mark.parametrize("value", ["a", "a b", 'x"y\\', "-x", "a*", "*", "a,b", "models/x", "1..2", "ü:ö", ">1"])
def test_any_value_can_be_quoted(value: str) -> None:
    """A condition of a quoted value asks for just this value."""
    (term,) = parse(f"model:{quoted(value)}", NOON).terms
    assert term.tests == (Is(value),)


def test_conditions_come_and_go_one_by_one() -> None:
    """A chip removes its condition alone; a narrowed list keeps the others, and begins at its first page."""
    params = {"model": "a b", "q": "x -status:4xx", "limit": "5", "cursor": "c"}
    assert [(chip.text, chip.without) for chip in chips_of(params)] == [
        ("model:a b", "?q=x+-status%3A4xx&limit=5"),
        ("x", "?model=a+b&limit=5&q=-status%3A4xx"),
        ("-status:4xx", "?model=a+b&limit=5&q=x"),
    ]
    assert narrowed(params, "client", "c d") == "?model=a+b&q=x+-status%3A4xx+client%3A%22c+d%22&limit=5"
    assert narrowed({"q": "status:200"}, "status", 200) == "?q=status%3A200"
    assert whole_query(params) == 'model:"a b" x -status:4xx'
    assert conditions_in(whole_query(params)) == ['model:"a b"', "x", "-status:4xx"]
