"""Keys of well-known services are found by their form, and nothing else is."""

from __future__ import annotations

import json

import pytest

from gemtap.known_secrets import KnownSecrets

PEM = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIEow+/=\nIBAAK\n-----END RSA PRIVATE KEY-----"
KEYS = {
    "AIza" + "Canary_0-9" * 4: "Google credential",
    "ya29." + "a0AfB_" * 8: "Google credential",
    "sk-ant-api03-" + "aB3-" * 22 + "AA": "Anthropic Token",
    "sk-proj-" + "a1B2" * 10 + "T3BlbkFJ" + "c3D4" * 5: "OpenAI Token",
    "ghp_" + "aB3" * 12: "GitHub Token",
    "github_pat_" + "aB3_" * 20 + "xy": "GitHub Token",
    "AKIA" + "IOSFODNN7EXAMPLE": "AWS Access Key",
    PEM: "private key",
}


@pytest.fixture(scope="module")
def known() -> KnownSecrets:
    return KnownSecrets()


@pytest.mark.parametrize("key", KEYS, ids=list(KEYS.values()))
def test_a_key_is_found_whole(known: KnownSecrets, key: str) -> None:
    """Nothing of a key is left, and all around it is."""
    text = f"before {key}, after"
    (found,) = known.find(text.encode())
    assert found.kind == KEYS[key]
    assert known.replace(text.encode(), b"*") == b"before *, after"


def test_a_private_key_within_json_ends_with_its_text(known: KnownSecrets) -> None:
    """What follows in the body stays, whether the key has its last line or was cut."""
    for pasted in (PEM, PEM[:60]):
        body = json.dumps({"parts": [{"text": f"use {pasted}"}, {"text": "-----END RSA PRIVATE KEY-----"}]}).encode()
        assert json.loads(known.replace(body, b"*"))["parts"][1] == {"text": "-----END RSA PRIVATE KEY-----"}
        assert b"MII" not in known.replace(body, b"*")


@pytest.mark.parametrize(
    "text",
    [
        "AIza is how Google's keys begin, sk-ant- Anthropic's and ghp_ GitHub's",
        "task-antelope-api03-short, AKIA1234, sk-0123456789012345678901234567890123456789",
        "d41d8cd98f00b204e9800998ecf8427e 550e8400-e29b-41d4-a716-446655440000",
        "-----BEGIN PUBLIC KEY-----\nMIIBIj\n-----END PUBLIC KEY-----",
        "projects/p/secrets/s/versions/1 api_key token password",
    ],
)
def test_what_only_looks_like_a_key_stays(known: KnownSecrets, text: str) -> None:
    """Beginnings of keys, hashes, names of secrets and public keys are no secrets."""
    assert list(known.find(text.encode())) == []
