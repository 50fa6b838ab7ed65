"""Every page has less than 100 kB, however much there is to show: the rest of it is loaded when it is wanted."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from gemtap.stores.base import Record
from tests.records import make_record
from tests.unit.dashboard.conftest import Site, id_of
from tests.unit.dashboard.test_pages import Elements

pytestmark = pytest.mark.anyio

MOST = 100_000

NOW = datetime.now(UTC)
THREAD = ObjectId()
CODE = "".join(
    f"def function_{number}(argument: int) -> int:\n    return argument + {number}\n\n" for number in range(400)
)
SYSTEM = "You are an agent. **Follow** these rules:\n\n" + "- Use `read_file` before you edit a file.\n" * 1_000
WORDS = [
    "the",
    "picker",
    "shows",
    "yesterday",
    "for",
    "users",
    "west",
    "of",
    "Greenwich",
    "and",
    "tests",
    "are",
    "slow",
]

SCHEMA = {
    "type": "OBJECT",
    "properties": {
        f"argument_{number}": {"type": "STRING", "description": "What the tool does with it. " * 10}
        for number in range(8)
    },
}
TOOLS = [
    {"name": f"tool_{number}", "description": "Does something. " * 40, "parameters": SCHEMA} for number in range(60)
]


def turn_of(number: int) -> list[dict[str, Any]]:
    """What an agent sends of one turn: the calls of several tools with their results, and what a person said."""
    calls = [{"functionCall": {"name": "read_file", "args": {"path": f"src/module_{number}_{n}.py"}}} for n in range(4)]
    results = [{"functionResponse": {"name": "read_file", "response": {"output": CODE}}} for _ in range(4)]
    text = f"Turn {number}. " + " ".join(random.Random(number).choices(WORDS, k=200))
    return [
        {"role": "model", "parts": [{"text": text}, *calls]},
        {"role": "user", "parts": [*results, {"text": text}]},
    ]


def a_long_thread(turns: int) -> list[Record]:
    """An agent's conversation, from first to last."""
    records: list[Record] = []
    contents: list[dict[str, Any]] = [{"role": "user", "parts": [{"text": "Mend the date picker. " * 100}]}]
    for number in range(1, turns + 1):
        contents = [*contents[-20:], *turn_of(number)]
        body = {"contents": contents, "systemInstruction": {"parts": [{"text": SYSTEM}]}}
        body["tools"] = [{"functionDeclarations": TOOLS}]
        id_ = THREAD if number == 1 else ObjectId()
        parent = ObjectId(id_of(records[-1])) if records else None
        records.append(
            make_record(
                _id=id_,
                timestamp=NOW - timedelta(hours=3) + timedelta(seconds=20 * number),
                request_raw=json.dumps(body).encode(),
                thread={"id": THREAD, "turn": number, "parent": parent, "new_messages": 2},
                preview={"prompt": "⟵ read_file " + "x" * 190, "answer": "y" * 200},
                tokens={**make_record().document["tokens"], "input": 1_000 * number, "cached": 900 * number},
            )
        )
    return records


def a_year() -> list[Record]:
    """Traffic of every day with ten models, and now and then with one of seventy others."""
    rng = random.Random(4360)
    known = make_record().document
    records = []
    for day in range(300):
        for n in (*range(10), rng.randrange(10, 80)):
            name = f"models-of-a-vendor/a-model-with-a-long-name-{n}"
            sent = rng.randrange(1_000_000)
            read, written = sent // 2, sent // 3
            tokens = {"input": sent, "cached": read, "cache_write": written, "reasoning": sent // 50, "tool_use": n}
            context = dict.fromkeys(("system", "tools", "media", "results", "history", "new"), sent // 6)
            records.append(
                make_record(
                    timestamp=NOW - timedelta(days=day, seconds=rng.randrange(80_000)),
                    model=name,
                    client={**known["client"], "name": f"client-{n}"},
                    cost={"usd": rng.random() / 7, "source": "x"},
                    tokens={**known["tokens"], **tokens},
                    context=context,
                    error={"message": "overloaded", "details": None} if n == 0 else None,
                    request_duration_ms=rng.random() * 100_000,
                    timing={**known["timing"], "first_byte_ms": rng.random() * 10_000},
                )
            )
    return records


async def test_every_page_is_small(site: Site) -> None:
    """Also of 200 turns of an agent that reads files, and of a year of 80 models."""
    turns = a_long_thread(200)
    for start in range(0, 200, 50):
        await site.store.put(turns[start : start + 50])
    await site.store.put(a_year())
    first, last = id_of(turns[0]), id_of(turns[-1])
    group = Elements(await site.page(f"/threads/{THREAD}")).links["Show turns 181 to 200"]
    sizes = {
        path: len((await site.page(path)).encode())
        for path in (
            *("/", "/interactions", "/interactions?limit=50&sort=cost", "/interactions?q=model:*", "/queries"),
            *("/threads", "/threads?sort=cost", f"/threads/{THREAD}", group, "/health", "/limits", "/access", "/setup"),
            *(f"/interactions/{id_}" for id_ in (first, last)),
            *(f"/interactions/{last}?tab={tab}" for tab in ("request", "response", "headers", "timing", "cost")),
            *(f"/interactions/{last}/{part}" for part in ("added", "changes", "messages?before=20", "tools/3")),
            f"/interactions/{last}/compare?with={first}",
            *(f"/analytics?last={last}" for last in ("24h", "7d", "30d", "90d", "1y", "all")),
            *(f"/analytics?last=1y&bucket=day&by={by}" for by in ("model", "client", "outcome")),
        )
    }
    assert {path: size for path, size in sizes.items() if size >= MOST} == {}


def full(name: str) -> Record:
    """A turn that has much of everything, and nothing in common with that of another name."""
    calls = [
        {"functionCall": {"name": f"{name}_{n}", "args": {"path": f"{name}.py", "content": CODE}}} for n in range(60)
    ]
    results = [
        {"functionResponse": {"name": f"{name}_{n}", "response": {"output": f"{name}\n{CODE}"}}} for n in range(60)
    ]
    texts = [{"text": f"{name} {number}. " + SYSTEM} for number in range(30)]
    tools = [{**tool, "name": f"{name}_{n}", "description": f"{name} " * 200} for n, tool in enumerate(TOOLS)]
    chunks = [{"web": {"title": f"Source {n}", "uri": f"https://{name}.example/{'x' * 400}/{n}"}} for n in range(300)]
    tokens = [{"token": f"{name}{n}", "logProbability": -0.1234567} for n in range(2_000)]
    answer = {
        "content": {"role": "model", "parts": [*texts, *calls]},
        "groundingMetadata": {"groundingChunks": chunks, "webSearchQueries": [name]},
        "logprobsResult": {"chosenCandidates": tokens},
    }
    body = {
        "contents": [
            {"role": "user", "parts": texts},
            {"role": "model", "parts": calls},
            {"role": "user", "parts": results},
        ],
        "systemInstruction": {"parts": [{"text": SYSTEM.replace("rules", name).replace("edit", name)}]},
        "tools": [{"functionDeclarations": tools}],
    }
    return make_record(
        request_raw=json.dumps(body).encode(),
        response_raw=json.dumps({"candidates": [answer]}).encode(),
        thread={"id": THREAD, "turn": 1, "parent": None, "new_messages": 3},
        error={"message": "overloaded " * 100, "details": {name: CODE * 3}},
        generation_settings={f"{name}_{n}": CODE[:1_500] for n in range(20)},
    )


async def test_a_page_of_an_interaction_with_much_of_everything_is_small(site: Site) -> None:
    """And so are what it added, its comparison with another one, and their differences; nothing is out of reach."""
    first, second = full("first"), full("second")
    await site.store.put([first, second])
    id_, other = id_of(second), id_of(first)
    paths = (
        f"/interactions/{id_}",
        f"/interactions/{id_}/added",
        f"/interactions/{id_}/messages?before=2",
        f"/interactions/{id_}/changes?since={other}",
        f"/interactions/{id_}/compare?with={other}",
        f"/threads/{THREAD}",
        *(f"/interactions/{id_}?tab={tab}" for tab in ("request", "response", "headers", "timing", "cost")),
    )
    pages = {path: await site.page(path) for path in paths}
    assert {path: len(page) for path, page in pages.items() if len(page.encode()) >= MOST} == {}
    page = pages[f"/interactions/{id_}"]
    links = Elements(page).links
    assert len(json.loads(shown_code(await site.page(links["Show all 300 sources as JSON"])))) == 300
    assert "second1999" in await site.page(whole_of(page, "logprobsResult"))
    assert "function_399" in await site.page(whole_of(page, "second_59"))
    differences = Elements(pages[f"/interactions/{id_}/changes?since={other}"]).links
    tool = next(link for name, link in differences.items() if name == "Tool second_59")
    assert "second second" in await site.page(tool)
    assert "no such change" in await site.page(f"/interactions/{id_}/changes/9999?since={other}", status=404)


def whole_of(page: str, title: str) -> str:
    """The link to the whole of a part of which the page has only the title."""
    found = re.search(rf'<code>{title}</code> <a class="lazy" href="([^"]+)">Show</a>', page)
    assert found is not None, title
    return found[1]


def shown_code(page: str) -> str:
    """The text of the highlighted code on a page."""
    text = Elements(page).text
    return text[text.index("[\n") : text.rindex("]") + 1]
