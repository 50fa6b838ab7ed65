"""Which provider a path belongs to, the path that its upstream gets, and which upstream that is."""

from __future__ import annotations

import re
from typing import NoReturn

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from gemtap.providers.registry import PROVIDERS
from gemtap.providers.routing import error_of, known, match, origin_of
from gemtap.providers.wire import Route, Wire
from gemtap.settings import Providers

ORIGINS = Providers().upstreams()
VERTEX = "https://aiplatform.googleapis.com"
MODEL = b"publishers/google/models/gemini-2.5-pro:generateContent"


@pytest.mark.parametrize(
    "path",
    [
        b"/v1/models/gemini-2.5-pro:generateContent",
        b"/v1beta/models/gemini-2.5-pro:streamGenerateContent",
        b"/v1alpha/auth_tokens",
        b"/v1beta/openai/chat/completions",
        b"/v1beta",
        b"/upload/v1beta/files",
        b"/download/v1beta/files/abc:download",
        b"/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
        b"//ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
        b"/v1beta/files/a%2Fb:download",
        b"/v1beta//models/\xff",
    ],
)
def test_geminis_paths_go_on_as_they_are_at_the_root_and_under_its_name(path: bytes) -> None:
    """Gemini's paths work at the root and under its name."""
    assert match(path) == Route("gemini", path)
    assert match(b"/gemini" + path) == Route("gemini", path, prefix=b"/gemini")
    assert match(b"//gemini" + path) == Route("gemini", path, prefix=b"/gemini")


@pytest.mark.parametrize(
    "path", [b"/models/gemini-2.5-pro:generateContent", b"//models/gemini-2.5-pro:generateContent"]
)
def test_a_path_without_a_version_gets_one(path: bytes) -> None:
    """LiteLLM and aider send it where the base URL has none."""
    wanted = b"/v1beta/models/gemini-2.5-pro:generateContent"
    assert match(path) == Route("gemini", wanted)
    assert match(b"/gemini" + path) == Route("gemini", wanted, prefix=b"/gemini")


@pytest.mark.parametrize(
    ("path", "location"),
    [
        (b"/v1/projects/p/locations/europe-west4/" + MODEL, "europe-west4"),
        (b"/v1beta1/projects/p/locations/global/" + MODEL, "global"),
        (b"//v1beta1//projects//p//locations//us-east1//" + MODEL, "us-east1"),
        (b"/upload/v1beta1/projects/p/locations/us-east1/ragCorpora/c/ragFiles:upload", "us-east1"),
        (b"/v1beta1/projects/p/locations/us-east1:retrieveContexts", "us-east1"),
        (b"/v1/projects/p/locations/us-east1", "us-east1"),
        (b"/v1/projects/p/cachedContents", None),
        (b"/v1/publishers/google/models/gemini-2.5-pro:generateContent", None),
        (b"/v1beta1/" + MODEL, None),
        (b"/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent", None),
        (b"//ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent", None),
    ],
)
def test_vertex_is_known_by_its_paths_at_the_root_and_under_its_name(path: bytes, location: str | None) -> None:
    """Vertex AI's paths work at the root and under its name."""
    assert match(path) == Route("vertex", path, location=location)
    assert match(b"/vertex" + path) == Route("vertex", path, prefix=b"/vertex", location=location)


def test_under_its_name_a_provider_has_paths_that_others_have_at_the_root() -> None:
    """Under its name, a provider takes paths that are those of another one at the root."""
    assert match(b"/vertex/v1/models/m") == Route("vertex", b"/v1/models/m", prefix=b"/vertex")
    assert match(b"/gemini/v1/projects/p") == Route("gemini", b"/v1/projects/p", prefix=b"/gemini")


@pytest.mark.parametrize(
    "path", [b"/v1internal:loadCodeAssist", b"//v1internal:streamGenerateContent", b"/v1internal/operations/abc"]
)
def test_code_assist_is_known_by_its_version_at_the_root_and_under_its_name(path: bytes) -> None:
    """Code Assist's paths work at the root and under its name."""
    assert match(path) == Route("code_assist", path)
    assert match(b"/code-assist" + path) == Route("code_assist", path, prefix=b"/code-assist")


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"/",
        b"*",
        b"/gemini",
        b"/gemini/",
        b"/gemini/gemini/v1beta/models",
        b"/gemini/v1internal:loadCodeAssist",
        b"/vertex/v1beta/models",
        b"/vertex/v1internal:loadCodeAssist",
        b"/code-assist/v1/models",
        b"/code_assist/v1internal:x",
        b"/v1internalx",
        b"/openai",
        b"/favicon.ico",
        b"/v1betamodels",
        b"/v2/models",
        b"/modelsx/m",
        b"/_gemtap/health",
        b"/x/v1beta/models",
        b"//evil.example/v1/projects/p",
        b"/\\evil.example/v1/projects/p",
        b"@evil.example/v1/projects/p",
        b"https://evil.example/v1/projects/p",
    ],
)
def test_other_paths_have_no_route(path: bytes) -> None:
    """Other paths have no route."""
    assert match(path) is None
    assert origin_of(match(path), ORIGINS) is None


@pytest.mark.parametrize(
    ("location", "origin"),
    [
        (None, VERTEX),
        ("global", VERTEX),
        ("europe-west4", "https://europe-west4-aiplatform.googleapis.com"),
        ("us", "https://aiplatform.us.rep.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_vertex_is_reached_at_the_host_of_the_location(location: str | None, origin: str) -> None:
    """Vertex AI is reached at the host of the location."""
    assert origin_of(Route("vertex", b"/", location=location), ORIGINS) == origin


def test_an_upstream_that_is_set_is_used_for_every_location() -> None:
    """A configured upstream applies to every location."""
    for location in (None, "global", "us", "europe-west4"):
        route = Route("vertex", b"/", location=location)
        assert origin_of(route, {"vertex": "http://localhost:1/x"}) == "http://localhost:1/x"
    assert origin_of(Route("vertex", b"/"), {"gemini": "http://localhost:1"}) is None


@pytest.mark.parametrize(
    "location",
    [
        b"evil.com",
        b"evil.com%2F",
        b"evil.com/..",
        b"evil.com#",
        b"evil%2ecom",
        b"@evil.com",
        b"user:secret@evil.com",
        b"evil.com:80",
        b"\\evil.com",
        b"us-east1%00",
        b"us-east1\\",
        b"us_east1",
        b"US-EAST1",
        b"%75s-east1",
        b"{location}",
        b"..",
        b"x" * 41,
        "\u00fcs-east1".encode(),
        b"\xff",
    ],
)
def test_what_is_no_location_steers_nothing(location: bytes) -> None:
    """Nor does it lead nowhere: it is Google's to say what is wrong with it."""
    path = b"/v1/projects/p/locations/" + location + b"/" + MODEL
    route = match(path)
    assert route == Route("vertex", path)
    assert origin_of(route, ORIGINS) == VERTEX


PIECES = [b"/", b"//", b"v1", b"v1beta1", b"v1internal", b"projects", b"locations", b"vertex", b"us", b"evil.com", b"@"]


@given(
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=12).map(b"".join)
    | st.binary().map(lambda location: b"/v1/projects/p/locations/" + location)
)
@example(b"/v1/projects/p/locations/us-east1")
def test_every_route_leads_to_a_host_of_google_by_a_provider_that_there_is(path: bytes) -> None:
    """Every route has a known provider and a host of Google."""
    route = match(path)
    origin = origin_of(route, ORIGINS)
    if route is not None:
        assert route.provider in PROVIDERS
        assert route.path.startswith(b"/")
        assert origin is not None
        assert re.fullmatch(r"https://[a-z0-9.-]+\.googleapis\.com", origin)
        # With the path behind it, it is still the same host.
        assert URL(origin + route.path.decode("latin-1"), encoded=True).host == URL(origin).host


def test_every_path_that_people_are_told_of_is_known() -> None:
    """Every documented path has a route."""
    told = re.findall(r"(/\S+)\.\.\.", known())
    assert len(told) == 16
    ends = {
        "/v1internal": b":x",
        "/antigravity/": b"v1internal:x",
        "/openai/": b"x",
        "/mistral/": b"x",
        "/azure/": b"openai/x",
        "/anthropic/": b"v1/x",
    }
    assert all(match(path.encode() + ends.get(path, b"")) for path in told)
    for prefix in re.findall(r"under (/[a-z-]+)\)", known()):
        assert any(match(prefix.encode() + path) for path in (b"/v1/x", b"/v1internal:x"))


@pytest.mark.parametrize("method", ["route", "route_at_root", "origin", "error"])
def test_a_wire_face_that_raises_an_exception_harms_no_other(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no route and no upstream, and errors get the shape of the default provider."""

    def fail(self: Wire, *arguments: object) -> NoReturn:
        raise RuntimeError(method)

    vertex = PROVIDERS["vertex"].wire
    monkeypatch.setattr(type(vertex), method, fail)
    for path, provider in (
        (b"/v1beta/models/m:generateContent", "gemini"),
        (b"/v1internal:countTokens", "code_assist"),
    ):
        route = match(path)
        assert route is not None
        assert route.provider == provider
        assert origin_of(route, {provider: "http://upstream"}) == "http://upstream"
    origin_of(match(b"/vertex/v1beta1/publishers/google/models/m:x"), {"vertex": "http://upstream"})
    assert error_of("vertex", 502, "UNAVAILABLE", "away") == error_of("gemini", 502, "UNAVAILABLE", "away")
