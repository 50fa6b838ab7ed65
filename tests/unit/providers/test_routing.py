"""Which provider a path belongs to, and the path that its upstream gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.providers.registry import PROVIDERS
from gemtap.providers.routing import Route, match


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
    assert match(path) == Route("gemini", path)
    assert match(b"/gemini" + path) == Route("gemini", path, prefix=b"/gemini")


@pytest.mark.parametrize(
    "path", [b"/models/gemini-2.5-pro:generateContent", b"//models/gemini-2.5-pro:generateContent"]
)
def test_a_path_without_a_version_gets_one(path: bytes) -> None:
    """LiteLLM and aider send it where the base URL has none."""
    wanted = b"/v1beta/models/gemini-2.5-pro:generateContent"
    assert match(path) == Route("gemini", wanted)
    assert match(b"/gemini" + path) == Route("gemini", wanted, prefix=b"/gemini")


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"/",
        b"*",
        b"/gemini",
        b"/gemini/",
        b"/gemini/gemini/v1beta/models",
        b"/favicon.ico",
        b"/v1betamodels",
        b"/v2/models",
        b"/modelsx/m",
        b"/_gemtap/health",
        b"/x/v1beta/models",
    ],
)
def test_other_paths_have_no_route(path: bytes) -> None:
    assert match(path) is None


@given(st.binary().map(lambda tail: b"/" + tail) | st.binary())
def test_every_route_leads_to_a_provider_that_there_is(path: bytes) -> None:
    route = match(path)
    assert route is None or (route.provider in PROVIDERS and route.path.startswith(b"/"))
