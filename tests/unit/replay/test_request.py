"""What is sent again: the same but for what was asked to differ, and nothing of whoever sent it first."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gemtap.replay.keys import has_key, key_headers
from gemtap.replay.request import CannotReplay, Changes, ReplayRequest, request_of, value_of
from gemtap.settings import Providers
from tests.records import REQUEST_RAW, make_record

UPSTREAMS = Providers().upstreams()
PRETTY = b'{\n  "model": "x", "contents": [{"parts": [{"text": "1E2"}]}],\n  "generationConfig": {"topK": 1E2}\n}'


def again(
    raw: bytes = REQUEST_RAW, request: dict[str, Any] | None = None, provider: str = "gemini", **changes: Any
) -> ReplayRequest:
    record = make_record(request_raw=raw, request=request, provider=provider)
    return request_of(record.document, raw, Changes(**changes), UPSTREAMS)


def test_without_changes_the_body_is_the_same_to_the_byte() -> None:
    """A replay without changes sends the same bytes."""
    sent = again(PRETTY)
    assert sent.body == PRETTY
    assert (sent.method, sent.provider) == ("POST", "gemini")
    assert sent.upstream == "https://generativelanguage.googleapis.com"
    assert sent.path == b"/v1beta/models/gemini-2.5-pro:generateContent"


def test_what_was_the_first_senders_is_left_out() -> None:
    """A replay omits headers of the original connection and its credentials."""
    headers = {
        "x-goog-api-key": "[redacted:8f2a11c0]",
        "authorization": "Bearer [redacted:8f2a11c0]",
        "cookie": "[redacted:1]",
        "x-odd": "has [redacted:1] in it",
        "host": "localhost:4360",
        "content-length": str(len(REQUEST_RAW)),
        "content-encoding": "gzip",
        "accept-encoding": "br",
        "sec-fetch-mode": "cors",
        "x-forwarded-for": "10.0.0.1",
        "user-agent": "Cline/3.1",
        "content-type": "application/json",
        "anthropic-beta": ["a", "b"],
    }
    sent = again(request={"headers": headers, "query": "alt=sse&key=[redacted:8f2a11c0]&k%65y=1&%24x=1"})
    names = [name for name, _ in sent.headers]
    assert names == [b"content-type", b"anthropic-beta", b"anthropic-beta", b"user-agent"]
    assert dict(sent.headers)[b"user-agent"].startswith(b"gemtap/")
    assert sent.query == b"alt=sse&%24x=1"


def test_another_model_in_the_path_and_in_the_body() -> None:
    """A replay replaces the model in the path or in the body."""
    sent = again(model="gemini-3-flash")
    assert sent.path == b"/v1beta/models/gemini-3-flash:generateContent"
    assert sent.body == REQUEST_RAW
    path = "/gemini/v1beta/openai/chat/completions"
    sent = again(b'{"messages": [], "model": "a"}', {"path": path}, model="models/b")
    assert json.loads(sent.body) == {"messages": [], "model": "models/b"}
    assert sent.path == b"/v1beta/openai/chat/completions"
    sent = again(
        PRETTY, {"path": "/v1/projects/p/locations/eu/publishers/google/models/m:rawPredict"}, "vertex", model="n"
    )
    assert (sent.provider, sent.path[-18:]) == ("vertex", b"models/n:rawPredict"[-18:])
    assert json.loads(sent.body)["model"] == "n"
    with pytest.raises(CannotReplay, match="names a model"):
        again(b"{}", {"path": "/v1beta/files", "method": "GET"}, model="x")


def test_values_in_the_body() -> None:
    """A replay sets values in the body."""
    values = {"generationConfig.temperature": 0, "contents.0.parts.0.text": "Why not?", "a.b.c": [1]}
    sent = again(values=values)
    assert json.loads(sent.body) == {
        "contents": [{"role": "user", "parts": [{"text": "Why not?"}]}],
        "generationConfig": {"temperature": 0},
        "a": {"b": {"c": [1]}},
    }
    for path, message in (("contents.7.role", "no place 7"), ("contents.0.role.x", "contents.0.role is neither")):
        with pytest.raises(CannotReplay, match=message):
            again(values={path: 1})
    with pytest.raises(CannotReplay, match="not a JSON object"):
        again(b"text", values={"a": 1})


def test_what_a_value_is() -> None:
    """Values on the command line are parsed as JSON, else taken as text."""
    assert [value_of(text) for text in ("0", "0.5", "true", "null", '"0"', "[1]", "high", "")] == [
        *(0, 0.5, True, None, "0", [1], "high", "")
    ]


def test_elsewhere() -> None:
    """A replay may go to another upstream."""
    assert again(upstream="http://127.0.0.1:8080/x/").upstream == "http://127.0.0.1:8080/x"
    with pytest.raises(CannotReplay, match="Unknown path"):
        again(request={"path": "/unknown"})


@pytest.mark.parametrize(
    ("provider", "path", "sent_to"),
    [
        ("anthropic", "/v1/messages", "https://api.anthropic.com/v1/messages"),
        ("anthropic", "/anthropic/v1/messages", "https://api.anthropic.com/v1/messages"),
        ("openai", "/chat/completions", "https://api.openai.com/v1/chat/completions"),
        ("openai", "/v1/responses", "https://api.openai.com/v1/responses"),
        ("openai", "/openai/v1/responses", "https://api.openai.com/v1/responses"),
    ],
)
def test_a_path_without_a_prefix_is_that_of_the_recorded_api(provider: str, path: str, sent_to: str) -> None:
    """Replays and imported interactions have the API's own path, which at Gemtap's root may be another provider's."""
    sent = again(request={"path": path}, provider=provider)
    assert (sent.provider, sent.upstream + sent.path.decode()) == (provider, sent_to)


def sent_from(recorded: str | None, configured: str, provider: str = "openai", **changes: Any) -> ReplayRequest:
    """A replay of what was sent to one host, while the settings name another upstream."""
    record = make_record(request={"path": f"/{provider}/v1/responses"}, provider=provider, upstream=recorded)
    return request_of(record.document, record.request_raw, Changes(**changes), {provider: configured})


@pytest.mark.parametrize(
    ("recorded", "upstream"),
    [
        ("https://api.openai.com", "https://api.openai.com/v1"),
        ("https://gate.example", "https://me:secret@GATE.example:443/openai/v1"),
        ("http://[::1]:8080", "http://[::1]:8080/v1"),
        (None, "https://elsewhere.example/v1"),
    ],
)
def test_it_goes_where_it_was_sent(recorded: str | None, upstream: str) -> None:
    """The upstream of the settings may have a user, a path and a port; what was sent nowhere goes to that of today."""
    assert sent_from(recorded, upstream).upstream == upstream.removesuffix("/v1")


@pytest.mark.parametrize(
    "upstream", ["https://other.example/v1", "http://api.openai.com/v1", "https://api.openai.com:1"]
)
def test_it_goes_to_no_other_host_unless_somebody_says_so(upstream: str) -> None:
    """A prompt goes with a key to the host that a person names, and never to another than before by itself."""
    with pytest.raises(CannotReplay) as told:
        sent_from("https://api.openai.com", upstream)
    assert "It was sent to https://api.openai.com, but requests of OpenAI now go to" in str(told.value)
    assert "--upstream URL" in str(told.value)
    assert sent_from("https://api.openai.com", upstream, upstream=upstream).upstream == upstream


def test_the_refusal_names_no_password() -> None:
    """The upstream of the settings may have one."""
    with pytest.raises(CannotReplay, match=r"https://me:\*\*\*@other\.example"):
        sent_from("https://api.openai.com", "https://me:secret@other.example/v1")


def test_interactions_of_earlier_versions_go_to_the_upstream_of_today() -> None:
    """They do not say where they were sent."""
    assert "upstream" not in make_record().document
    assert again().upstream == "https://generativelanguage.googleapis.com"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"request": {"body_truncated": True}}, "Only the beginning"),
        ({"request": {"body_redacted": True}}, "redacted"),
        ({"request": {"headers": {"content-length": "99999"}}}, "incomplete"),
        ({"response": {"status": 101}}, "WebSocket"),
    ],
)
def test_what_cannot_be_sent_again(fields: dict[str, Any], message: str) -> None:
    """A request whose body was not recorded whole cannot be replayed."""
    record = make_record(**fields)
    with pytest.raises(CannotReplay, match=message):
        request_of(record.document, record.request_raw, Changes(), UPSTREAMS)


def test_the_key_goes_where_the_api_wants_it() -> None:
    """The credential is sent in the header or parameter of the API."""
    gemini = again()
    assert key_headers(gemini, {"GOOGLE_API_KEY": "g", "GEMINI_API_KEY": "k"}, []) == [(b"x-goog-api-key", b"k")]
    assert key_headers(gemini, {"GOOGLE_API_KEY": "g", "GEMINI_API_KEY": ""}, []) == [(b"x-goog-api-key", b"g")]
    compatible = again(b'{"model": "a"}', {"path": "/v1beta/openai/chat/completions"})
    assert key_headers(compatible, {"GEMINI_API_KEY": "k"}, []) == [(b"authorization", b"Bearer k")]
    path = "/v1/projects/p/locations/eu/publishers/google/models/m:generateContent"
    vertex = again(request={"path": path}, provider="vertex")
    assert key_headers(vertex, {"CLOUDSDK_AUTH_ACCESS_TOKEN": "t"}, []) == [(b"authorization", b"Bearer t")]
    assert has_key("vertex", {"GOOGLE_OAUTH_ACCESS_TOKEN": "k"})
    assert not has_key("gemini", {"OPENAI_API_KEY": "k"})
    assert not has_key("unknown", {"OPENAI_API_KEY": "k"})
    with pytest.raises(CannotReplay, match="set GEMINI_API_KEY or GOOGLE_API_KEY"):
        key_headers(gemini, {}, [])
    with pytest.raises(CannotReplay, match="invalid character"):
        key_headers(gemini, {"GEMINI_API_KEY": "a\r\nx: y"}, [])
