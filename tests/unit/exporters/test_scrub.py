"""Secrets and personal data: what is taken out, what stays, and that it is told."""

from __future__ import annotations

import inspect
import socket

import pytest
import typer.main

from gemtap.conversation.model import Call, Conversation, Message, Result, Text, Thought, Tool
from gemtap.exporters.base import Report, Scrub
from gemtap.exporters.scrub import make_scrub
from gemtap.stores.base import Store
from tests.unit.exporters.exported import export, model, turn, user

KEY = "AIza" + "SyA1234567890abcdefghijklmnopqrstuv"


@pytest.fixture(scope="module")
def scrub() -> Scrub:
    return make_scrub()


def scrubbed(scrub: Scrub, text: str) -> tuple[str, Report]:
    report = Report()
    (message,) = scrub(Conversation(None, (Message("user", (Text(text),)),), None), report).prompt
    (part,) = message.parts
    assert isinstance(part, Text)
    return part.text, report


@pytest.mark.parametrize(
    ("secret", "kind"),
    [
        (KEY, "Google credential"),
        ("AKIA" + "IOSFODNN7EXAMPLE", "AWS Access Key"),
        ("ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8", "GitHub Token"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----", "private key"),
        ("ada.lovelace@example.co.uk", "email address"),
        ("4111 1111 1111 1111", "credit card number"),
        ("DE89370400440532013000", "IBAN"),
        ("8.8.8.8", "IP address"),
        ("+49 30 901820", "telephone number"),
        ("(415) 555-2671", "telephone number"),
    ],
)
def test_what_is_secret_or_personal_goes_whole_and_the_rest_stays(scrub: Scrub, secret: str, kind: str) -> None:
    """Secrets and personal data are removed, the rest is unchanged."""
    text, report = scrubbed(scrub, f"before {secret} between\n{secret} after")
    assert text == f"before [removed: {kind}] between\n[removed: {kind}] after"
    assert report.removed == {kind: 2}


def test_passwords_by_what_stands_before_them(scrub: Scrub) -> None:
    """Passwords are found by the words before them."""
    text, _ = scrubbed(scrub, 'password = "hunter2secret"\npostgres://ada:s3cretpw@localhost/x')
    assert text.startswith('password = "[removed: password or secret]"')
    assert "s3cretpw" not in text


def test_a_private_key_that_has_no_end_goes_to_the_end(scrub: Scrub) -> None:
    """An incomplete private key is removed to its end."""
    assert scrubbed(scrub, "a -----BEGIN PRIVATE KEY-----\nMII")[0] == "a [removed: private key]"


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:4360 192.168.0.1 ::1 10.0.0.0/8",
        "1700000000 1234567890 0x7fffffff 3.14159265358979 2026-03-14T12:00:00.123Z v1.2.3-4",
        'sha = "3f786850e387550fdab836ed7e6dc881de23001b"',
        "550e8400-e29b-41d4-a716-446655440000",
        'password = os.environ["PASSWORD"]; token = get_token()',
        'password = "${PASSWORD}"',
        "def method(self) -> @decorator.name",
    ],
)
def test_what_only_looks_like_it_stays(scrub: Scrub, text: str) -> None:
    """Similar text is kept."""
    assert scrubbed(scrub, text) == (text, Report())


def test_a_source_file_stays_as_it_is(scrub: Scrub) -> None:
    """A source file without secrets is unchanged."""
    source = inspect.getsource(typer.main)
    assert scrubbed(scrub, source)[0] == source


def test_every_part_of_a_conversation_is_looked_at(scrub: Scrub) -> None:
    """All parts of a conversation are scrubbed."""
    mail, gone = "ada@example.com", "[removed: email address]"
    said = Conversation(
        system=mail,
        prompt=(Message("user", (Text(mail),)), Message("tool", (Result({"a": [mail, 1]}, "f"),))),
        answer=Message("model", (Thought(mail), Call("f", {"to": mail}))),
        tools=(Tool("f", mail, {"type": "object"}),),
    )
    report = Report()
    assert scrub(said, report) == Conversation(
        system=gone,
        prompt=(Message("user", (Text(gone),)), Message("tool", (Result({"a": [gone, 1]}, "f"),))),
        answer=Message("model", (Thought(gone), Call("f", {"to": gone}))),
        tools=(Tool("f", gone, {"type": "object"}),),
    )
    assert report.removed == {"email address": 6}


def test_nothing_is_asked_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scrubbing uses no network."""

    def refuse(*_: object) -> None:
        raise AssertionError("it wants to connect")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert scrubbed(make_scrub(), "ada@example.com")[1].removed == {"email address": 1}


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["gemini-tuning", "openai-chat", "sharegpt"])
async def test_training_data_without_them(store: Store, scrub: Scrub, name: str) -> None:
    """Training data are scrubbed."""
    await store.put([turn(user(f"My key is {KEY}"), model("Keep it."))])
    content, report = await export(name, store, scrub=scrub)
    assert KEY.encode() not in content
    assert report.removed == {"Google credential": 1}
