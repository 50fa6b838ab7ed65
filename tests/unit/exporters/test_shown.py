"""Markdown and HTML of one conversation: whole, and harmless whatever was said in it."""

from __future__ import annotations

import base64
import io
import json
import wave
from html.parser import HTMLParser

import pytest
from bson import ObjectId
from markdown_it import MarkdownIt

from gemtap.exporters.base import ExportError
from gemtap.exporters.html import markdown
from gemtap.exporters.markdown import block, code, harmless
from gemtap.exporters.scrub import make_scrub
from gemtap.stores.base import Record, Store
from tests.records import make_record
from tests.unit.exporters.exported import TOOL_USE, export, model, turn, user

pytestmark = pytest.mark.anyio

HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(1)> [a](javascript:alert(1)) \x1b[31m ![p](http://t/a.png)"
)


class Tags(HTMLParser):
    """The tags of a page, with what they do."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


async def test_markdown_of_a_conversation(store: Store) -> None:
    """A conversation is exported as Markdown."""
    record = turn(*TOOL_USE)
    await store.put([record])
    content, report = await export("markdown", store, one=record.document["_id"])
    text = content.decode()
    assert text.startswith("# What is in a.py?\n\ngemini-2.5-pro · ")
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == ["## System", "## User", "## Model", "## Tools", "## Model", "## Available tools"]
    assert 'Calls `read_file`:\n\n```json\n{\n  "path": "a.py"\n}\n```' in text
    assert "> I look." in text
    assert report.written["train"] == 1


@pytest.mark.parametrize("name", ["markdown", "html"])
async def test_a_streamed_answer_is_one_text_however_it_was_cut(store: Store, name: str) -> None:
    """Chunks of a streamed answer are joined, in the answer and where the client resent it."""
    said = [{"text": "**Ray"}, {"text": "leigh** scat"}, {"text": "tering."}]
    record = turn(user("Why?"), {"role": "model", "parts": said}, user("Sure?"), {"role": "model", "parts": said})
    await store.put([record])
    content, _ = await export(name, store, one=record.document["_id"])
    whole = {"markdown": "**Rayleigh** scattering.", "html": "<strong>Rayleigh</strong> scattering."}
    assert content.decode().count(whole[name]) == 2


async def test_html_of_a_conversation_needs_nothing_from_elsewhere(store: Store) -> None:
    """The HTML file loads nothing."""
    record = turn(*TOOL_USE)
    await store.put([record])
    content, _ = await export("html", store, one=record.document["_id"])
    page = content.decode()
    for said in ("You edit code.", "What is in a.py?", "I look.", "read_file", "print(1)", "It prints 1."):
        assert said in page
    assert not [
        tag for tag, attributes in Tags(page).found if tag in ("script", "link", "iframe") or "src" in attributes
    ]


async def test_of_a_thread_the_last_answered_turn_is_shown(store: Store) -> None:
    """A thread is shown by its last turn with an answer."""
    thread = ObjectId()
    failed = turn(user("Hi"), model("Ho"), user("So?"), model(), thread=thread, number=3)
    await store.put([turn(user("Hi"), model("Ho"), thread=thread), failed])
    content, _ = await export("markdown", store, one=thread)
    assert content.decode().splitlines()[-1].startswith("- `read_file`")
    assert "So?" not in content.decode()


@pytest.mark.parametrize("name", ["markdown", "html"])
async def test_the_id_of_a_first_turn_is_its_threads(store: Store, name: str) -> None:
    """The id of a first turn, which its thread has, exports all of it; that of a later turn all up to there."""
    first = turn(user("Hi"), model("Ho"))
    thread = first.document["_id"]
    first.document["thread"] = {"id": thread, "turn": 1, "parent": None, "new_messages": 1}
    second = turn(user("Hi"), model("Ho"), user("So?"), model("Yes."), thread=thread, number=2)
    third = turn(user("Hi"), model("Ho"), user("So?"), model("Yes."), user("Sure?"), thread=thread, number=3)
    await store.put([first, second, third])
    whole, _ = await export(name, store, one=thread)
    assert b"Sure?" in whole
    part, _ = await export(name, store, one=second.document["_id"])
    assert b"So?" in part
    assert b"Sure?" not in part


@pytest.mark.parametrize("name", ["markdown", "html"])
async def test_what_is_no_conversation_is_said(store: Store, name: str) -> None:
    """Other operations are rejected with a reason."""
    record = make_record(operation="models.list")
    await store.put([record])
    with pytest.raises(ExportError, match=r"is not a conversation: it is models\.list"):
        await export(name, store, one=record.document["_id"])
    with pytest.raises(ExportError, match="There is no thread and no interaction"):
        await export(name, store, one=ObjectId())
    with pytest.raises(ExportError, match="Add the ID of a thread"):
        await export(name, store)


@pytest.mark.parametrize("name", ["markdown", "html"])
async def test_what_is_shared_can_be_scrubbed_its_title_too(store: Store, name: str) -> None:
    """Scrubbing also covers the title."""
    record = turn(user("Mail ada@example.com"), model("Ho"))
    await store.put([record])
    content, report = await export(name, store, one=record.document["_id"], scrub=make_scrub())
    assert b"ada@" not in content
    assert content.count(b"[removed: email address]") >= 2
    assert report.removed == {"email address": 1}


async def test_hostile_words_are_shown_and_not_obeyed_in_html(store: Store) -> None:
    """Hostile HTML is escaped."""
    picture = {"inlineData": {"mimeType": "image/svg+xml", "data": "PHN2Zz4="}}
    record = turn(user(HOSTILE, picture), model({"functionCall": {"name": HOSTILE, "args": {HOSTILE: HOSTILE}}}))
    await store.put([record])
    content, _ = await export("html", store, one=record.document["_id"])
    page = content.decode()
    tags = Tags(page).found
    assert not [tag for tag, _ in tags if tag in ("script", "img")]
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]
    assert not [value for _, attributes in tags if "javascript:" in (value := attributes.get("href") or "")]
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page


async def test_hostile_words_are_shown_and_not_obeyed_in_markdown(store: Store) -> None:
    """Hostile Markdown is escaped."""
    record = turn(user(HOSTILE), model({"functionCall": {"name": HOSTILE, "args": {HOSTILE: "```\n" + HOSTILE}}}))
    await store.put([record])
    content, _ = await export("markdown", store, one=record.document["_id"])
    rendered = MarkdownIt("commonmark").render(content.decode())
    assert not [tag for tag, attributes in Tags(rendered).found if tag == "script" or "onerror" in attributes]
    assert b"\x1b" not in content


@pytest.mark.parametrize("text", ["a", "`", "``a`", "a\nb", "```"])
def test_code_stays_code(text: str) -> None:
    """Code stays in code blocks."""
    (paragraph,) = [each for each in MarkdownIt("commonmark").parse(f"x {code(text)} y") if each.type == "inline"]
    assert [each.content for each in paragraph.children or [] if each.type == "code_inline"] == [" ".join(text.split())]
    (fence,) = MarkdownIt("commonmark").parse(block(text))
    assert (fence.type, fence.content) == ("fence", f"{text}\n")


@pytest.mark.parametrize("text", ["a < b && c > d", "*well*", "```\n<b>\n```", "a\n\n- b"])
def test_markdown_without_html_stays_as_it_is(text: str) -> None:
    """Plain Markdown is unchanged."""
    assert harmless(text) == text


@pytest.mark.parametrize("text", ["![" * 12_000, "[a][b" * 8_000, "<" * 20_000 + "<b>"])
def test_markdown_that_keeps_its_parser_busy_is_written_plainly(text: str) -> None:
    """Whatever can be in it, no HTML of it is obeyed."""
    assert "<b>" not in harmless(text)
    assert "<b>" not in markdown(text)


@pytest.mark.parametrize("mime_type", ["image/png", "IMAGE/PNG", "image/png; q=1"])
async def test_html_shows_images_in_the_alphabet_of_urls(store: Store, mime_type: str) -> None:
    """google-genai for Python sends Base64 with `-` and `_`, without padding, which no browser shows."""
    image = b"\x89PNG" + bytes(range(256)) + b"\xfb\xff"
    sent = base64.urlsafe_b64encode(image).decode().rstrip("=")
    assert set("-_") <= set(sent)
    record = turn(user("What is it?", {"inlineData": {"mimeType": mime_type, "data": sent}}), model("Noise."))
    await store.put([record])
    content, _ = await export("html", store, one=record.document["_id"])
    (source,) = [attributes["src"] for tag, attributes in Tags(content.decode()).found if tag == "img"]
    assert source == "data:image/png;base64," + base64.b64encode(image).decode()


PIXEL = {"mimeType": "image/png", "data": base64.b64encode(b"pixel").decode()}
SPEECH = {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": base64.b64encode(b"\1\0\2\0").decode()}
GROUNDED = {
    "groundingMetadata": {
        "webSearchQueries": ["weather oslo"],
        "groundingChunks": [
            {"web": {"uri": "https://w.example/a?b=1&c=2", "title": "Weather <b>"}},
            {"web": {"uri": "javascript:alert(1)", "title": "No link"}},
        ],
    },
    "urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "https://u.example/x", "urlRetrievalStatus": "DONE"}]},
    "logprobsResult": {"chosenCandidates": [{"token": "Rain", "logProbability": -0.125}]},
}


def everything() -> Record:
    """An interaction in which an API does all that it can do itself."""
    draw = {"functionCall": {"name": "draw", "args": {}}}
    drawn = {"functionResponse": {"name": "draw", "response": {"title": "Q4"}, "parts": [{"inlineData": PIXEL}]}}
    film = {"fileData": {"fileUri": "https://youtu.be/x", "mimeType": "video/mp4"}, "videoMetadata": {"fps": 2}}
    said = model(
        {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["weather oslo"]}}},
        {"executableCode": {"language": "PYTHON", "code": "print('a')\nprint('b')"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "a\nb\n"}},
        {"inlineData": SPEECH},
        "Rain.",
    )
    request = {
        "contents": [user("Look.", film), model(draw), user(drawn)],
        "tools": [{"googleSearch": {}}, {"fileSearch": {"fileSearchStoreNames": ["s"]}}],
        "cachedContent": "cachedContents/abc",
    }
    response = {"candidates": [{"content": said, "finishReason": "STOP", **GROUNDED}]}
    return make_record(request_raw=json.dumps(request).encode(), response_raw=json.dumps(response).encode())


async def test_markdown_has_all_that_was_said(store: Store) -> None:
    """Media of results, cuts of films, built-in tools, server-side calls, code, searches, sources and probabilities."""
    record = everything()
    await store.put([record])
    content, _ = await export("markdown", store, one=record.document["_id"])
    text = content.decode()
    for said in (
        "Cached content `cachedContents/abc` precedes this conversation.",
        '*video/mp4* <https://youtu.be/x> `{"fps": 2}`',
        "*image/png*",
        "Tool call by the API: GOOGLE_SEARCH_WEB:\n\n```json",
        "Code that the API ran:\n\n```python\nprint('a')\nprint('b')\n```",
        "Output of the code:\n\n```\na\nb\n",
        "Searched for `weather oslo`",
        "- Weather &lt;b> <https://w.example/a?b=1&c=2> (web)",
        "- No link `javascript:alert(1)` (web)",
        "- <https://u.example/x> (url)\n  DONE",
        '-0.1250  "Rain"',
        '- `googleSearch`\n- `fileSearch` `{"fileSearchStoreNames": ["s"]}`',
    ):
        assert said in text


async def test_html_has_all_that_was_said(store: Store) -> None:
    """Pictures are seen, speech is played, and links are no scripts."""
    record = everything()
    await store.put([record])
    content, _ = await export("html", store, one=record.document["_id"])
    page = content.decode()
    tags = Tags(page).found
    assert [attributes["src"] for tag, attributes in tags if tag == "img"] == [f"data:image/png;base64,{PIXEL['data']}"]
    (source,) = (attributes["src"] for tag, attributes in tags if tag == "audio")
    assert source is not None
    head, _, data = source.partition(",")
    assert head == "data:audio/wav;base64"
    with wave.open(io.BytesIO(base64.b64decode(data))) as file:
        assert (file.getframerate(), file.readframes(9)) == (24_000, b"\1\0\2\0")
    links = [attributes["href"] for tag, attributes in tags if tag == "a"]
    assert links == ["https://youtu.be/x", "https://w.example/a?b=1&c=2", "https://u.example/x"]
    for said in (
        "cachedContents/abc",
        "weather oslo",
        "Weather &lt;b&gt;",
        "Rain",
        "-0.1250",
        "googleSearch",
        "print(",
    ):
        assert said in page
