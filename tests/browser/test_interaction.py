"""One interaction in a browser: lazy loading, hostile content, annotations."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.asking import recorded
from tests.browser.conftest import Visitor, visit
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi

pytestmark = pytest.mark.browser


def said(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


HISTORY = [
    *(said(role, {"text": f"Message {number} of {role}"}) for number in range(1, 31) for role in ("user", "model")),
    said("user", {"text": "Now read it."}),
    said("model", {"functionCall": {"name": "read_file", "args": {"path": "src/app.py"}}}),
    said("user", {"functionResponse": {"name": "read_file", "response": {"output": "def main():\n    return 7\n"}}}),
]


def test_what_was_sent_again_is_loaded_when_it_is_asked_for(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """Earlier messages load on request, each once and in order."""
    id_ = recorded(gemtap, "", contents=HISTORY)
    page = visitor.open(f"/interactions/{id_}")
    fresh = page.locator(".message.fresh")
    expect(fresh.first).to_contain_text('read_file(path="src/app.py")')
    expect(fresh.first.locator(".nf")).to_have_text("main")
    expect(fresh.last).to_contain_text("Model")
    assert page.get_by_text("Message 1 of user", exact=True).count() == 0
    while (earlier := page.get_by_role("link", name="earlier message")).count():
        shown = page.locator(".message").count()
        earlier.click()
        page.wait_for_function("n => document.querySelectorAll('.message').length > n", arg=shown)
    expect(page.get_by_text("Message 1 of user", exact=True)).to_be_visible()
    numbers = [int(str(each.get_attribute("id")).split("-")[1]) for each in page.locator(".message").all()]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 0


def test_a_deep_link_leads_to_its_message(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """A link with a fragment scrolls to its message."""
    id_ = recorded(gemtap, "", contents=HISTORY)
    page = visitor.open(f"/interactions/{id_}#message-62")
    expect(page.locator("#message-62")).to_be_in_viewport()


def test_a_long_text_is_loaded_when_it_is_asked_for(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """The rest of a long text loads on request."""
    text = "word " * 50_000 + "THE END"
    id_ = recorded(gemtap, text)
    page = visitor.open(f"/interactions/{id_}")
    assert page.locator(".message", has_text="THE END").count() == 0
    page.get_by_role("link", name="more characters").click()
    expect(page.locator(".message", has_text="THE END")).to_be_visible()


def test_the_raw_body_is_a_tree_that_can_be_searched(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """The JSON tree unfolds, and a search in it finds a value with its path."""
    id_ = recorded(gemtap, "", contents=HISTORY)
    page = visitor.open(f"/interactions/{id_}?tab=request")
    tree = page.locator("details.tree").first
    expect(tree.locator("li").first).to_contain_text("contents: [63]")
    tree.locator("li summary").first.click()
    expect(tree.locator("li li").first).to_contain_text("role, parts")
    tree.get_by_label("Search the request").fill("message 17 of model")
    expect(tree.locator("li")).to_have_count(1)
    expect(tree.locator("li")).to_contain_text("/contents/33/parts/0/text: Message 17 of model")


def test_a_rating_a_tag_and_a_note_stay(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """Rating, tags and note are stored and shown after a reload."""
    id_ = recorded(gemtap, "Rate me.")
    page = visitor.open(f"/interactions/{id_}")
    page.get_by_role("button", name="good").click()
    expect(page.get_by_text("Saved")).to_be_visible()
    expect(page.locator("#yours [data-read]")).to_be_hidden()
    page.get_by_label("Tags").fill("weather, to read")
    page.get_by_label("Note").fill("Look at <b>this</b>.")
    page.get_by_role("button", name="Save").click()
    page.reload()
    expect(page.get_by_role("button", name="good")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("Note")).to_have_value("Look at <b>this</b>.")
    document = gemtap.interaction(id_)
    assert (document["tags"], document["rating"]) == (["weather", "to read"], "good")


def test_it_can_be_sent_again_from_a_terminal(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """The request can be copied as a curl command with a placeholder for the key."""
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=visitor.origin)
    id_ = recorded(gemtap, "It's again.")
    page = visitor.open(f"/interactions/{id_}")
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == id_
    page.get_by_role("link", name="Request", exact=True).click()
    page.get_by_text("as curl", exact=True).click()
    page.locator("details.snippet", has_text="as curl").get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"curl -X POST 'http://localhost:{gemtap.port}/v1beta/models/")
    assert "It'\"'\"'s again." in copied
    assert "x-goog-api-key: $GEMINI_API_KEY" in copied


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + b"\x20\x80\xd0" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def blob(mime_type: str, content: bytes) -> dict[str, Any]:
    return {"inlineData": {"mimeType": mime_type, "data": base64.b64encode(content).decode()}}


def test_pictures_are_shown_from_what_was_recorded(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """An inline image of the request is displayed."""
    contents = [said("user", {"text": "What is this?"}, blob("image/png", png(40, 20)))]
    page = visitor.open(f"/interactions/{recorded(gemtap, '', contents=contents)}")
    picture = page.locator(".medium img")
    picture.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('.medium img').naturalWidth === 40")


HOSTILE = "\n\n".join(
    [
        "<script>window.pwned = 1; alert(1)</script>",
        "<img src=x onerror='window.pwned = 1'><svg onload='window.pwned = 1'><iframe src='javascript:alert(1)'>",
        "![pixel](https://evil.example/pixel.png) [click](javascript:window.pwned=1)",
        "```html\n</code></pre><script>window.pwned = 1</script>\n```",
        "\x1b[31mred\x1b[0m \x07 \u202ertl\u202c \u2066isolated 💥",
        "</title></style></textarea><style>body{display:none}</style>",
        "x" * 200_000,
        "{{ 7 * 7 }} {% include 'page.html' %}",
    ]
)


def test_hostile_content_does_nothing(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """Scripts and HTML in recorded content are not executed on any page."""
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>window.pwned = 1</script></svg>'
    contents = [
        said("user", {"text": HOSTILE}, blob("image/svg+xml", svg), blob("text/html", HOSTILE[:500].encode())),
        said("model", {"functionCall": {"name": HOSTILE[:300], "args": {HOSTILE[:90]: HOSTILE[:5000]}}}),
        said("user", {"functionResponse": {"name": HOSTILE[:300], "response": {"output": HOSTILE[:5000]}}}),
    ]
    id_ = recorded(gemtap, "", contents=contents, systemInstruction={"parts": [{"text": HOSTILE[:3000]}]})
    thread = gemtap.interaction(id_)["thread"]["id"]
    at = f"/interactions/{id_}"
    own = ("", "?tab=request", "?tab=headers", "/raw/request", "/parts/0-0", "/added")
    for path in ("/", *(f"{at}{each}" for each in own), f"/threads/{thread}", "/threads"):
        page = visitor.open(path)
        folds = page.locator("details:not([open]) > summary:visible")
        while folds.count():
            folds.first.click()
        page.wait_for_timeout(300)
        assert page.evaluate("window.pwned") is None
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert (
            page.evaluate("document.querySelectorAll('main script, main img, main svg[onload], main style').length")
            == 0
        )
        assert "\u202e" not in page.content()
        assert "\x1b" not in page.content()
    for number in ("0-1", "0-2"):
        answer = visitor.context.request.get(f"{visitor.origin}/interactions/{id_}/media/{number}")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")


def test_a_replay_is_confirmed_and_compared(chromium: Browser, api: SimulatedApi, tmp_path: Path) -> None:
    """The dialog shows what is sent and about what it costs; nothing is sent before Send."""
    gemtap = RunningGemtap(tmp_path, api.origin, GEMINI_API_KEY="test")
    visitor = visit(chromium, f"http://localhost:{gemtap.dashboard_port}")
    try:
        id_ = recorded(gemtap, "Explain tides.", generationConfig={"temperature": 0.2})
        page = visitor.open(f"/interactions/{id_}")
        page.get_by_role("button", name="Replay…").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Costs about $")
        page.keyboard.press("Escape")
        assert len(gemtap.api("interactions")["items"]) == 1
        page.get_by_role("button", name="Replay…").click()
        dialog.get_by_label("Model").fill("gemini-2.5-pro")
        dialog.get_by_label("temperature").fill("0.9")
        expect(dialog).to_contain_text("with as many tokens as the recorded request")
        dialog.get_by_role("button", name="Send").click()
        page.wait_for_url("**/compare")
        expect(page.locator(".side")).to_have_count(2)
        expect(page.locator(".side").last).to_contain_text("gemini-2.5-pro")
        replayed = gemtap.api(f"interactions?q=replay_of:{id_}")["items"][0]
        assert replayed["generation_settings"]["temperature"] == 0.9
        assert visitor.complaints == []
    finally:
        visitor.context.close()
        gemtap.close()


def test_a_replay_to_another_provider_says_what_it_loses(chromium: Browser, api: SimulatedApi, tmp_path: Path) -> None:
    """The dialog shows it before anything is sent, for a model of that provider, with what it costs there."""
    gemtap = RunningGemtap(
        tmp_path, api.origin, "--upstream", f"anthropic={api.origin}", GEMINI_API_KEY="test", ANTHROPIC_API_KEY="test"
    )
    visitor = visit(chromium, f"http://localhost:{gemtap.dashboard_port}")
    try:
        id_ = recorded(gemtap, "Explain tides.", generationConfig={"temperature": 0.2, "candidateCount": 1})
        page = visitor.open(f"/interactions/{id_}")
        page.get_by_role("button", name="Replay…").click()
        dialog = page.get_by_role("dialog")
        send = dialog.get_by_role("button", name="Send")
        expect(dialog.get_by_label("Provider")).to_have_value("gemini")
        dialog.get_by_label("Provider").select_option(label="Anthropic")
        # None was recorded there, so none is known.
        expect(dialog).to_contain_text("Enter a model of this provider.")
        expect(dialog.get_by_label("Model")).to_have_value("")
        expect(dialog.get_by_label("temperature")).to_be_hidden()
        expect(send).to_be_disabled()
        dialog.get_by_label("Model").fill("claude-opus-4-8")
        dialog.get_by_label("Model").press("Tab")
        expect(dialog).to_contain_text("Left out:")
        expect(dialog.get_by_role("listitem")).to_have_text(["the setting candidateCount"])
        expect(dialog).to_contain_text("Costs about $")
        # Back to where it came from, everything is as it was.
        dialog.get_by_label("Provider").select_option("gemini")
        expect(dialog.get_by_role("listitem")).to_have_count(0)
        expect(dialog.get_by_label("Model")).to_have_value("gemini-2.5-flash")
        expect(dialog.get_by_label("temperature")).to_have_value("0.2")
        assert len(gemtap.api("interactions")["items"]) == 1
        dialog.get_by_label("Provider").select_option("anthropic")
        dialog.get_by_label("Model").fill("claude-opus-4-8")
        dialog.get_by_label("Model").press("Tab")
        expect(send).to_be_enabled()
        send.click()
        page.wait_for_url("**/compare")
        expect(page.locator(".side").last).to_contain_text("claude-opus-4-8")
        (replayed,) = gemtap.api(f"interactions?q=replay_of:{id_}")["items"]
        assert (replayed["provider"], replayed["generation_settings"]["temperature"]) == ("anthropic", 0.2)
        # Now one of its models is known.
        page = visitor.open(f"/interactions/{id_}")
        page.get_by_role("button", name="Replay…").click()
        page.get_by_role("dialog").get_by_label("Provider").select_option("anthropic")
        expect(page.get_by_role("dialog").get_by_label("Model")).to_have_value("claude-opus-4-8")
        expect(page.get_by_role("dialog")).to_contain_text("Left out:")
        assert visitor.complaints == []
    finally:
        visitor.context.close()
        gemtap.close()
