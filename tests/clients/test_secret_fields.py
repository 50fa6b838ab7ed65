"""Every field of the SDKs' published types that may hold a secret is known, and decided upon."""

from __future__ import annotations

import json

import pytest

from tests.secrets import inventory

pytestmark = [pytest.mark.clients, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def found() -> inventory.Inventory:
    """What the installed SDKs have."""
    return inventory.inventory()


def test_every_suspicious_field_is_decided_upon(found: inventory.Inventory) -> None:
    """A field whose name or documentation says secret, token, key or the like is on one of the two lists."""
    assert found.undecided == [], "say in tests/secrets/decisions.toml whether these are secret, and why"
    assert found.unused == [], "these patterns in tests/secrets/decisions.toml name no field: take them out"


def test_where_secrets_go_is_written_down(found: inventory.Inventory) -> None:
    """`fields.json`, which the canaries are planted by, says what the installed SDKs say."""
    written = json.loads(inventory.FIELDS.read_text())
    assert written == found.fields, "run `python -m tests.secrets.inventory`"


def test_the_walk_sees_the_fields_that_are_known_to_be_secret(found: inventory.Inventory) -> None:
    """One field of each kind that is known from the APIs' documentation is found: in, out, in a list, in a stream."""
    places = {
        (body["method"], body["path"], body["direction"], at)
        for sdk in found.fields.values()
        for body in sdk["bodies"]
        for at in body["at"]
    }
    assert {
        ("POST", "/v1/realtime/client_secrets", "response", ".value"),
        ("POST", "/v1/responses", "request", ".tools[].headers.*"),
        ("POST", "/v1/messages", "request", ".mcp_servers[].authorization_token"),
        ("POST", "/{version}/auth_tokens", "response", ".name"),
        ("POST", "/{api_version}/credentials", "request", ".client_secret"),
        ("POST", "/{api_version}/interactions", "request", ".tools[].headers.*"),
        ("POST", "/{api_version}/webhooks/{id}:rotateSigningSecret", "response", ".secret"),
        ("POST", "/v1beta/models/x:generateContent", "request", ".tools[].googleMaps.authConfig.apiKey"),
    } <= places
