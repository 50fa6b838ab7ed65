"""The pages: what a person finds on them, and what hostile content does there, which is nothing."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from bson import ObjectId

from gemtap.providers.client_setup import clients
from tests.records import NOON, make_record
from tests.unit.dashboard.conftest import Site, id_of
from tests.unit.exporters.talks import APIS, Say, Talk

pytestmark = pytest.mark.anyio

HOSTILE = (
    "<script>alert(1)</script></pre></title>\"'><img src=x onerror=alert(2)> {{ 7 * 7 }} {% raw %} \x1b[31m\u202e&amp;"
)


class Elements(HTMLParser):
    """What a browser makes of a page: elements, attributes, links and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.scripts: list[str | None] = []
        """Where each script is; None of one that stands in the page."""
        self.rows: list[str] = []
        """Ids of the interactions in the list."""
        self.links: dict[str, str] = {}
        """Text to target."""
        self.text = ""
        self._link: str | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "a":
            self._link = dict(attrs)["href"]
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))
        if tag == "tr" and (id_ := dict(attrs).get("id")) is not None:
            self.rows.append(id_.removeprefix("row-"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._link = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._link is not None and data.strip():
            self.links[data.strip()] = self._link


async def test_an_empty_list_says_where_to_point_a_client(site: Site) -> None:
    """An empty list explains how to set up a client."""
    page = Elements(await site.page("/interactions"))
    assert "Nothing has been recorded yet" in page.text
    assert "http://localhost:4360" in page.text
    assert page.links["Set up a client"] == "/setup"
    assert "table" not in page.tags


async def test_a_row_shows_what_was_asked_and_answered(site: Site) -> None:
    """A row shows the prompt and the answer."""
    id_ = await site.keep(tokens={**make_record().document["tokens"], "input": 12345})
    html = await site.page("/interactions")
    page = Elements(html)
    for shown in ("Why is the sky blue?", "Rayleigh.", "12\u202f345", "1.23 s", "cline", "gemini-2.5-pro"):
        assert shown in page.text
    assert 'aria-label="first byte after 800 ms"' in html
    assert '<small title="physics">physics</small>' in html
    assert page.links["12:00:00"] == page.links["2026-03-14"] == f"/interactions/{id_}"


async def test_a_row_leads_to_others_of_its_client_model_and_outcome(site: Site) -> None:
    """Whatever characters their names are made of."""
    name = "a&b=c #1+%/?\u00fc"
    client = {**make_record().document["client"], "name": name}
    mine = await site.keep(client=client, model=name)
    await site.keep(outcome="interrupted")
    page = Elements(await site.page("/interactions"))
    filtered = Elements(await site.page(f"/interactions{page.links[name]}"))
    assert f"/interactions/{mine}" in filtered.links.values()
    assert filtered.tags.count("tr") == 2
    assert Elements(await site.page(f"/interactions{page.links['200 · interrupted']}")).tags.count("tr") == 2


async def test_filters_stand_above_the_list_and_each_can_be_taken_away(site: Site) -> None:
    """Each filter above the list can be removed."""
    await site.keep()
    await site.keep(model="other")
    page = Elements(await site.page("/interactions?model=gemini-2.5-pro&status=200&limit=10"))
    assert "model:gemini-2.5-pro" in page.text
    assert "status:200" in page.text
    assert "limit:" not in page.text
    assert page.links["Clear all conditions"] == "/interactions"
    html = await site.page("/interactions?model=gemini-2.5-pro&status=200&limit=10")
    without = re.findall(r'href="([^"]*)" aria-label="Remove (\w+):', html)
    assert [(name, parse_qs(urlsplit(target.replace("&amp;", "&")).query)) for target, name in without] == [
        ("model", {"status": ["200"], "limit": ["10"]}),
        ("status", {"model": ["gemini-2.5-pro"], "limit": ["10"]}),
    ]


async def test_a_filter_that_nothing_fits_says_so(site: Site) -> None:
    """A filter without matches says so."""
    await site.keep()
    await site.keep(model="other")
    assert "1 result<" in await site.page("/interactions?model=other")
    page = Elements(await site.page("/interactions?model=absent"))
    assert "No interaction matches." in page.text
    assert "Nothing has been recorded yet" not in page.text


async def test_older_leads_through_all_pages_with_the_filter_kept(site: Site) -> None:
    """The link to older interactions keeps the filter."""
    ids = [await site.keep(timestamp=NOON + timedelta(seconds=number)) for number in range(5)]
    await site.keep(model="other")
    seen: list[str] = []
    path: str | None = "/interactions?model=gemini-2.5-pro&limit=2"
    while path is not None:
        page = Elements(await site.page(path))
        seen += page.rows
        path = page.links.get("Older")
    assert seen == ids[::-1]


async def test_one_interaction_shows_all_there_is(site: Site) -> None:
    """The page of an interaction shows all fields."""
    id_ = await site.keep()
    path = f"/interactions/{id_}"
    page = Elements(await site.page(path))
    said = ("Why is the sky blue?", "Rayleigh.")
    for shown in (id_, "gemini-2.5-pro-002", "cline 3.1", "8f2a11c0", "STOP", "12.5 tokens/s", *said):
        assert shown in page.text
    assert page.links["This interaction as JSON"] == f"/api/interactions/{id_}"
    assert page.text.index("Why is the sky blue?") < page.text.index("Rayleigh.")
    assert page.links["Conversation as one HTML file"] == f"/api/export/html?id={id_}"
    request = Elements(await site.page(page.links["Request"]))
    assert "POST /v1beta/models/gemini-2.5-pro:generateContent?key=[redacted:8f2a11c0]" in request.text
    assert "Download raw body" in request.links
    assert "temperature" in request.text
    assert "Download raw body" in Elements(await site.page(page.links["Response"])).links
    assert "x-trace" in await site.page(page.links["Headers"])
    assert "800 ms" in await site.page(page.links["Timing"])
    assert "Sources of the input" in await site.page(page.links["Cost"])
    assert (await site.get(f"{path}?tab=nonsense")).status_code == 422


@pytest.mark.parametrize("api", ["openai responses", "anthropic", "gemini"])
async def test_encrypted_thinking_is_one_line(site: Site, api: str) -> None:
    """Its size, where readable thinking would be folded."""
    record = APIS[api](Talk((Say("Why?"), Say("So.", encrypted="gAAA" * 400))))
    await site.store.put([record])
    page = await site.page(f"/interactions/{record.document['_id']}")
    assert page.count('<div class="thought">Thinking (encrypted, 1,600 bytes)</div>') == 1
    assert "gAAA" not in page


async def test_a_blocked_response_says_so_on_its_page(site: Site) -> None:
    """A finish reason alone is easy to miss, and the response itself has no error."""
    blocked, fine = make_record(finish_reason="SAFETY"), make_record()
    await site.store.put([blocked, fine])
    page = await site.page(f"/interactions/{blocked.document['_id']}")
    assert "The API withheld the response, or the rest of it. Finish reason: SAFETY." in page
    assert "withheld" not in await site.page(f"/interactions/{fine.document['_id']}")


async def test_a_request_is_shared_as_a_curl_script(site: Site) -> None:
    """The script goes to the API itself with the whole body, which a shell must not change."""
    body = json.dumps({"contents": [{"parts": [{"text": "It's $HOME `x` " + "y" * 10_000}]}]})
    id_ = await site.keep(request_raw=body.encode())
    page = Elements(await site.page(f"/interactions/{id_}"))
    answer = await site.get(page.links["Request as a curl script"])
    assert answer.headers["content-disposition"] == f'attachment; filename="gemtap-{id_}.sh"'
    script = answer.text
    assert "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent" in script
    assert "x-goog-api-key: $GEMINI_API_KEY" in script
    assert "redacted" not in script
    run = subprocess.run(
        ["/bin/sh", "-c", "curl() { cat; }\n" + script], capture_output=True, check=True, env={"GEMINI_API_KEY": "k"}
    )
    assert run.stdout.decode() == body + "\n"


async def test_a_replay_is_compared_with_its_original(site: Site) -> None:
    """Both responses are on one page, with their figures."""
    first = await site.keep()
    second = await site.keep(
        response_raw=b'{"candidates": [{"content": {"parts": [{"text": "Scattering."}]}}]}',
        replay_of=ObjectId(first),
        model="gemini-2.5-flash",
    )
    page = Elements(await site.page(f"/interactions/{second}"))
    both = Elements(await site.page(page.links["Compare"]))
    assert both.text.index("Rayleigh.") < both.text.index("Scattering.")
    assert "gemini-2.5-pro" in both.links
    assert "gemini-2.5-flash" in both.links
    await site.page(f"/interactions/{first}/compare", 404)
    await site.page(f"/interactions/{first}/compare?with={second}")


async def test_a_long_result_shows_its_first_lines(site: Site) -> None:
    """The other lines are a link away, which shows all of it."""
    output = "\n".join(f"line {number}" for number in range(100))
    contents = [
        {"role": "user", "parts": [{"functionResponse": {"name": "read", "response": {"output": output}}}]},
    ]
    id_ = await site.keep(request_raw=json.dumps({"contents": contents}).encode(), thread=None)
    page = Elements(await site.page(f"/interactions/{id_}"))
    assert "line 15" in page.text
    assert "line 16" not in page.text
    whole = await site.page(page.links["Show 84 more lines"])
    assert "line 0" in whole
    assert "line 99" in whole
    assert "no such text" in await site.page(f"/interactions/{id_}/parts/0-0?member=absent", status=404)


async def test_what_a_request_always_has_is_a_link_away(site: Site) -> None:
    """Agents send long instructions and dozens of tools with each request."""
    schema = {"type": "OBJECT", "properties": {"path": {"type": "STRING", "description": "A path of the project."}}}
    declared = [
        {"name": f"tool_{number}", "description": "Reads a file.", "parameters": schema} for number in range(60)
    ]
    body = {
        "contents": [{"role": "user", "parts": [{"text": "Go."}]}],
        "systemInstruction": {"parts": [{"text": "Be brief. " * 4_000 + "THE END"}]},
        "tools": [{"functionDeclarations": declared}],
    }
    id_ = await site.keep(request_raw=json.dumps(body).encode(), thread=None)
    page = Elements(await site.page(f"/interactions/{id_}"))
    assert "THE END" not in page.text
    assert "THE END" in await site.page(page.links["Show 36\u202f007 more characters"])
    tool = Elements(await site.page(page.links["tool_7"]))
    assert "A path of the project." in tool.text
    assert "no such tool" in await site.page(f"/interactions/{id_}/tools/60", status=404)


async def test_a_long_body_of_no_conversation_is_a_link_away(site: Site) -> None:
    """The body of an embedding has thousands of numbers."""
    values = [number / 7 for number in range(3_000)]
    raw = json.dumps({"embedding": {"values": values}}).encode()
    id_ = await site.keep(operation="embedContent", response_raw=raw, thread=None)
    page = Elements(await site.page(f"/interactions/{id_}"))
    assert str(values[-1]) not in page.text
    assert str(values[-1]) in await site.page(page.links["Show all of it"])


async def test_an_interaction_that_is_awaited_says_whether_it_is_there(site: Site) -> None:
    """`state` is no 404 for an interaction that is not recorded yet."""
    id_ = await site.keep()
    assert await site.api(f"interactions/{id_}/state") == {"recorded": True}
    assert await site.api("interactions/0123456789abcdef01234567/state") == {"recorded": False}


BLANK: dict[str, Any] = {
    "answered": False,
    "request_raw": b"",
    "request_duration_ms": None,
    "generation_settings": None,
    "usage_metadata": None,
    "model": None,
    "model_version": None,
    "outcome": "upstream_unreachable",
    "timing": dict.fromkeys(("first_byte_ms", "first_token_ms", "longest_gap_ms", "output_tokens_per_s"))
    | {"chunks": 0},
    "tokens": dict.fromkeys(("input", "cached", "output", "reasoning", "tool_use", "total")),
    "cost": None,
    "finish_reason": None,
    "client": dict.fromkeys(("name", "version", "user_agent", "address", "key", "user")),
    "thread": None,
    "preview": {"prompt": None, "answer": None},
    "tags": [],
}


@pytest.mark.parametrize("error", [None, {"message": "No route to host.", "details": None}])
async def test_an_interaction_without_anything_optional_is_readable(site: Site, error: Any) -> None:
    """An interaction without optional fields is shown."""
    id_ = await site.keep(**BLANK, error=error)
    listed, single = await site.page("/interactions"), await site.page(f"/interactions/{id_}")
    for page in (listed, single):
        text = Elements(page).text
        assert "None" not in text.replace("body = None", "")
        assert "upstream unreachable" in text
        if error is not None:
            assert "No route to host." in text
    assert "The client got no response." in single


def hostile_fields() -> dict[str, Any]:
    document = make_record().document
    return {
        "request": {
            "method": HOSTILE,
            "path": HOSTILE,
            "query": HOSTILE,
            "headers": {HOSTILE: HOSTILE, "repeated": [HOSTILE, HOSTILE]},
        },
        "response": {"headers": {HOSTILE: HOSTILE}, "body_incomplete": HOSTILE},
        "request_raw": HOSTILE.encode(),
        "response_raw": HOSTILE.encode(),
        "provider": HOSTILE,
        "operation": HOSTILE,
        "model": HOSTILE,
        "model_version": HOSTILE,
        "finish_reason": HOSTILE,
        "generation_settings": {HOSTILE: [HOSTILE]},
        "client": dict.fromkeys(document["client"], HOSTILE),
        "preview": {"prompt": HOSTILE, "answer": HOSTILE},
        "tags": [HOSTILE],
        "note": HOSTILE,
    }


@pytest.mark.parametrize("error", [None, {"message": HOSTILE, "details": {HOSTILE: HOSTILE}}])
async def test_hostile_content_is_text_on_every_page(site: Site, error: Any) -> None:
    """Hostile content is escaped on every page."""
    id_ = await site.keep(**hostile_fields(), error=error)
    for path in ("/", "/interactions", f"/interactions/{id_}"):
        html = await site.page(path)
        page = Elements(html)
        assert not {"img", "raw"} & set(page.tags)
        assert all(source is not None and source.startswith("/static/") for source in page.scripts)
        assert not {name for name in page.attributes if name.startswith("on") or name == "style"}
        assert "<script>alert(1)</script>" in page.text
        assert "{{ 7 * 7 }}" in page.text
        assert "␛[31m⟨U+202E⟩" in page.text
        assert "\x1b" not in html
        assert "\u202e" not in html


async def test_a_hostile_address_is_text_too(site: Site) -> None:
    """A hostile URL is escaped."""
    for path in (
        "/interactions?model=<script>alert(1)</script>",
        "/interactions?<script>=1",
        "/interactions/<script>",
        "/<script>",
        "/interactions?cursor=<script>",
    ):
        answer = await site.get(path)
        assert "<script>" not in answer.text


async def test_a_huge_body_is_cut(site: Site) -> None:
    """A large body is truncated."""
    raw = b'{"contents": ["' + b"x" * 3_000_000 + b'"]}'
    id_ = await site.keep(operation="models.list", request_raw=raw, response_raw=b"y" * 3_000_000)
    html = await site.page(f"/interactions/{id_}")
    assert len(html) < 20_000
    links = Elements(html).links
    assert "more characters are in the" in await site.page(links["Show all of it"])
    assert "more characters are in the" in await site.page(links["Show 2\u202f998\u202f000 more characters"])
    assert len((await site.get(f"/api/interactions/{id_}/request")).content) == len(raw)


async def test_a_binary_body_is_said_to_be_one(site: Site) -> None:
    """A binary body is named as such."""
    id_ = await site.keep(response_raw=b"\x89PNG\r\n\xff\x00" * 100)
    page = Elements(await site.page(f"/interactions/{id_}?tab=response"))
    assert page.text.count("The body is binary.") == 1
    assert "base64" not in page.text


async def test_a_truncated_body_says_what_is_missing(site: Site) -> None:
    """A truncated body says what is missing."""
    id_ = await site.keep(request={"body_truncated": True, "body_sha256": "ab" * 32, "body_bytes": 10**9})
    page = Elements(await site.page(f"/interactions/{id_}?tab=request"))
    assert "Only the beginning was kept." in page.text
    assert "ab" * 32 in page.text
    assert "1\u202f000\u202f000\u202f000 bytes" in page.text


async def test_the_page_of_clients_has_the_lines_of_each(site: Site) -> None:
    """The setup page has the lines of every client."""
    page = Elements(await site.page("/setup"))
    for client in clients().values():
        assert client.title in page.text
        for line in client.for_tap("http://localhost:4360").lines:
            assert line in page.text


async def test_setup_does_not_wait_for_a_request_that_came_long_ago(site: Site) -> None:
    """With recorded interactions, the setup page names the last request."""
    assert "Waiting for the first request" in await site.page("/setup")
    id_ = await site.keep()
    page = await site.page("/setup")
    assert "Waiting for the first request" not in page
    assert Elements(page).links["Receiving requests"] == f"/interactions/{id_}"


async def test_an_unknown_operation_is_headed_by_its_request(site: Site) -> None:
    """A refused request without a model and an operation has its method and path as heading."""
    id_ = await site.keep(model=None, operation="unknown", outcome="refused", answered=False)
    page = await site.page(f"/interactions/{id_}")
    assert "unknown</h1>" not in page
    assert "POST /v1beta/models/gemini-2.5-pro:generateContent</h1>" in page


async def test_each_page_lists_only_keys_that_do_something_there(site: Site) -> None:
    """Lists have keys to move; a page without turns before or after it has none for them."""
    id_ = await site.keep(thread=None)
    assert "<kbd>j</kbd>" in await site.page("/interactions")
    for path in (f"/interactions/{id_}", "/health", "/setup"):
        assert "<kbd>" not in await site.page(path)


async def test_who_has_sent_requests_has_a_green_light(site: Site) -> None:
    """Clients that have sent requests are marked."""
    client = {**make_record().document["client"], "name": "gemini-cli"}
    last = await site.keep(client=client, provider="vertex")
    await site.keep(client=client, provider="vertex", timestamp=NOON - timedelta(days=1))
    page = await site.page("/setup")
    lights = dict(re.findall(r'id="([\w-]+)" data-called.*?class="arrival([^"]*)"', page, re.S))
    assert {name for name, light in lights.items() if light == " good"} == {"gemini-cli-vertex"}
    assert lights.keys() == clients().keys()
    assert Elements(page).links["Receiving gemini-cli requests"] == f"/interactions/{last}"


async def test_the_search_holds_what_was_asked_and_keeps_the_filters(site: Site) -> None:
    """The search field keeps the query and the filters."""
    await site.keep()
    await site.keep(error={"message": "No.", "details": None})
    page = await site.page("/interactions?q=error%3Ayes&model=gemini-2.5-pro")
    assert 'name="q" value="error:yes"' in page
    assert '<input type="hidden" name="model" value="gemini-2.5-pro">' in page
    assert 'name="cursor"' not in page
    assert len(Elements(page).rows) == 1
    assert Elements(page).links["cline"] == "?q=error%3Ayes+client%3Acline&model=gemini-2.5-pro"


async def test_a_query_that_is_wrong_can_be_mended_where_it_is_told(site: Site) -> None:
    """The error page of a query has the query to correct."""
    page = await site.page("/interactions?q=colour%3Ared", status=422)
    assert "colour" in Elements(page).text
    assert 'name="q" value="colour:red"' in page


async def test_every_field_can_be_tried(site: Site) -> None:
    """The page of the search syntax has a link for every field."""
    await site.keep()
    page = Elements(await site.page("/queries"))
    tried = [link for link in page.links.values() if link.startswith("/interactions?q=")]
    assert len(tried) > 20
    for link in tried:
        await site.page(link)


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/interactions/0123456789abcdef01234567", 404, "There is no interaction 0123456789abcdef01234567."),
        ("/interactions/zzz", 404, "There is no interaction zzz."),
        ("/nowhere", 404, "There is no page at this address."),
        ("/interactions?limit=0", 422, "limit: "),
        ("/interactions?colour=red", 422, "colour: "),
        ("/interactions?cursor=x", 400, "cursor"),
    ],
)
async def test_an_error_is_a_page_for_a_person(site: Site, path: str, status: int, says: str) -> None:
    """Whatever the client accepts: the address decides."""
    answer = await site.get(path, accept="application/json")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = Elements(answer.text)
    assert says in page.text
    assert page.links["Show all interactions"] == "/interactions"


@pytest.mark.parametrize("path", ["/", "/interactions", "/interactions/0123456789abcdef01234567"])
async def test_a_store_that_is_away_is_a_page_that_says_what_to_do(lost_site: Site, path: str) -> None:
    """An unreachable store gives a page with advice."""
    text = Elements(await lost_site.page(path, 503)).text
    assert "Start MongoDB" in text
    assert "wait in the spool" in text
    assert "secret-word" not in text


async def test_clients_can_be_set_up_while_the_store_is_away(lost_site: Site) -> None:
    """The setup page works while the store is unreachable."""
    text = Elements(await lost_site.page("/setup")).text
    assert "Not recording." in text
    assert "curl" in text


async def test_nothing_that_was_recorded_is_kept_in_a_cache(site: Site) -> None:
    """Pages with recorded content are not cached."""
    record = make_record()
    await site.store.put([record])
    for path in ("/", "/interactions", f"/interactions/{id_of(record)}", "/interactions/zzz"):
        assert (await site.get(path)).headers["cache-control"] == "no-store"


async def test_a_search_lists_what_has_the_words(site: Site) -> None:
    """A search lists interactions with the words."""
    wanted, other = (replace(make_record(), text=text) for text in ("connection refused", "connection reset"))
    await site.store.put([wanted, other])
    page = await site.page("/interactions?q=connection+%22connection+refused%22")
    assert f'id="row-{id_of(wanted)}"' in page
    assert f'id="row-{id_of(other)}"' not in page
    assert 'value="connection &#34;connection refused&#34;"' in page
    assert "is not closed" in await site.page("/interactions?q=%22connection", 422)
