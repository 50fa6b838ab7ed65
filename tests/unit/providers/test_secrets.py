"""What is secret in each API, and how the places are recognised."""

from __future__ import annotations

import pytest

from gemtap.providers.declared_secrets import SECRETS, UNKNOWN, secrets_of
from gemtap.providers.secrets import Paths


@pytest.mark.parametrize(
    ("path", "names", "leads"),
    [
        ("$.name", ["name"], True),
        ("$.name", ["a", "name"], False),
        ("$..name", ["a", "b", "name"], True),
        ("$..name", ["name"], True),
        ("$..name", ["name", "a"], False),
        ("$..tools.headers.*", ["tools", "headers", "x"], True),
        ("$..tools.headers.*", ["setup", "tools", "headers", "x"], True),
        ("$..tools.headers.*", ["tools", "headers"], False),
        ("$..tools.headers.*", ["tools", "properties", "headers", "x"], False),
        ("$..tools..api_key", ["tools", "search", "apikey"], True),
        ("$..api_key", ["apikey"], True),
    ],
)
def test_a_path_leads_to_the_values_that_it_describes(path: str, names: list[str], leads: bool) -> None:
    """A path fits the names of the members around a value, anchored at `$.` and at any depth after `..`."""
    assert Paths([path]).lead_to(names) is leads


@pytest.mark.parametrize("path", ["", "name", "$", "$..", "$.a b", "$.a[0]", "$.a.", "a.$.b"])
def test_what_is_no_path_is_refused(path: str) -> None:
    """A mistake in a declaration shows when the declaration is loaded."""
    with pytest.raises(ValueError, match="not a path"):
        Paths([path])


@pytest.mark.parametrize(
    "text",
    [
        b'{"api_key"',
        b'{"apiKey"',
        b'{"ApiKey"',
        b'{"api-key"',
        b'{"Api-Key"',
        b'{"API-Key"',
        b'"tools":[{"Headers"',
        b'"HEADERS"',
        b'"tools":[{"headers"',
        rb'{"\u0061pi_key"',
        rb'{"api\u005fkey"',
        rb'{"h\u0065aders"',
    ],
)
def test_text_that_may_lead_to_a_secret_is_noticed(text: bytes) -> None:
    """All usual spellings of a name are noticed, and escapes in it."""
    assert Paths(["$..api_key", "$..tools.headers.*"]).may_be_in(text)


@pytest.mark.parametrize("text", [b"", b"api_key", b'"api_keys"', rb'"\u003capi_key\u003e"', b'"tools"', b'"header"'])
def test_other_text_costs_only_the_search(text: bytes) -> None:
    """Words without quotes, other names, and the escapes that encoders do write are not taken for names of secrets."""
    assert not Paths(["$..api_key", "$..tools.headers.*"]).may_be_in(text)


def test_no_paths_lead_nowhere() -> None:
    """An operation without secrets has an empty set of paths."""
    assert not Paths([]).may_be_in(b'{"a":1}')
    assert not Paths([]).lead_to(["a"])


@pytest.mark.parametrize("provider", ["gemini", "vertex", "code_assist", "openai", "anthropic", "", "somebody"])
@pytest.mark.parametrize(
    "header", [b"x-goog-api-key", b"authorization", b"x-api-key", b"api-key", b"cookie", b"set-cookie"]
)
def test_every_provider_knows_the_headers_of_all(provider: str, header: bytes) -> None:
    """A client may send one API's key to the address of another."""
    assert header in secrets_of(provider).headers


@pytest.mark.parametrize(
    ("provider", "path", "held"),
    [
        ("gemini", b"/v1beta/auth_tokens", True),
        ("gemini", b"/v1alpha/auth_tokens", True),
        ("gemini", b"/v1/interactions/abc/auth_tokens", True),
        ("gemini", b"/v1beta/webhooks", True),
        ("gemini", b"/v1beta/webhooks/w:rotateSigningSecret", True),
        ("gemini", b"/v1beta/credentials/c", True),
        ("vertex", b"/v1beta1/projects/p/locations/l/credentials", True),
        ("vertex", b"/v1beta1/projects/p/locations/l/interactions/i/auth_tokens/t", True),
        ("openai", b"/v1/realtime/client_secrets", True),
        ("anthropic", b"/v1/vaults/v/credentials", True),
        ("gemini", b"/v1beta/models/m:generateContent", False),
        ("gemini", b"/v1beta/interactions", False),
        ("gemini", b"/upload/v1beta/files", False),
        ("", b"/v1/credentials", True),
    ],
)
def test_operations_that_hand_over_credentials_are_held(provider: str, path: bytes, held: bool) -> None:
    """In every version of the API, on Gemini and on Vertex AI."""
    assert secrets_of(provider).of(path).held is held


def test_files_are_nobodys_request() -> None:
    """A file that is uploaded or downloaded may be JSON with any names in it."""
    for path in (b"/upload/v1beta/files", b"/download/v1beta/files/f:download", b"/v1beta/files/f:download"):
        assert SECRETS["gemini"].of(path).request.paths == ()


def test_a_token_in_a_path_is_found() -> None:
    """To delete a token of an interaction is to name it in the path."""
    assert list(UNKNOWN.in_path(b"/v1/interactions/i/auth_tokens/TOKEN")) == [b"TOKEN"]
    assert list(UNKNOWN.in_path(b"/v1beta/auth_tokens")) == []
