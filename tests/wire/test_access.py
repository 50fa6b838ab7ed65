"""Access keys at the proxy: who is let in, as whom, and what goes upstream in place of the key."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gemtap.access.key_file import KeyFile
from gemtap.access.keys import KeyList, add, revoke, rotate
from gemtap.capture.capture_policy import REFUSED_A_MINUTE
from gemtap.capture.loss_counter import counted_losses
from gemtap.capture.spool import Spool
from gemtap.providers.registry import PROVIDERS
from gemtap.settings import Providers, ProviderSettings
from gemtap.tap.admission import key_in
from gemtap.tap.app import make_app
from tests.wire.peers import ScriptedUpstream, chunk, eventually, request, response
from tests.wire.running_tap import Captured, RunningTap

GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"
CHAT = "/openai/v1/chat/completions"
HELD = "AIzaSyHeld-0123456789_abcdefghijklmnopq"
OWN = "AIzaSyOwn-0123456789_abcdefghijklmnopqr"

SOME_PATHS = ("/v1/chat/completions", "/v1/messages", "/openai/x", "/v1internal:x", "/v1/models")
"""Each provider knows one of these."""

Start = Callable[..., RunningTap]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def make(data_dir: Path, name: str = "ana", days: float = 1) -> str:
    """An access key for a user."""
    now = datetime.now(UTC)
    return KeyFile(data_dir).change(lambda before: add(before, name, "member", now + timedelta(days=days), now))


def ask(tap: RunningTap, raw: bytes) -> tuple[int, bytes, Captured]:
    """A request that the proxy answers itself."""
    with tap.connect() as client:
        client.send(raw)
        head, body = client.take_response()
    return head.status, body, tap.captured(head)


def status_of(tap: RunningTap, raw: bytes) -> int:
    """The status that the client gets."""
    with tap.connect() as client:
        client.send(raw)
        return client.take_head().status


def pass_on(
    tap: RunningTap, upstream: ScriptedUpstream, raw: bytes, answer: bytes | None = None
) -> tuple[bytes, bytes, Captured]:
    """What the upstream gets of a request, what the client gets, and the capture."""
    with tap.connect() as client:
        client.send(raw)
        peer = upstream.accept()
        head, _ = peer.take_request()
        peer.send(answer or response("Connection: close"))
        got, body = client.take_response()
    return head.raw, got.raw + body, tap.captured(got)


def test_without_keys_nothing_changes(start_tap: Start, upstream: ScriptedUpstream, data_dir: Path) -> None:
    """One person notices nothing; `x-gemtap-key` stays here all the same."""
    tap = start_tap(data_dir=data_dir)
    raw = request(GENERATE, f"x-goog-api-key: {OWN}", "x-gemtap-key: whatever-secret")
    sent, _, capture = pass_on(tap, upstream, raw)
    assert OWN.encode() in sent
    assert b"gemtap" not in sent
    assert b"whatever-secret" not in capture.bytes
    assert "user" not in capture.request


PLACES: tuple[tuple[str, list[str]], ...] = (
    (GENERATE, ["x-goog-api-key: {}"]),
    (GENERATE, ["Authorization: Bearer {}"]),
    (GENERATE + "?alt=sse&key={}", []),
    (GENERATE, ["x-gemtap-key: {}"]),
    (GENERATE + "?key={}", ["x-goog-api-key: {}", "x-gemtap-key: {}", "authorization: Bearer {}"]),
)


def test_the_provider_key_goes_in_place_of_the_access_key(
    start_tap: Start, upstream: ScriptedUpstream, data_dir: Path
) -> None:
    """Wherever the access key stands, the upstream gets the key that Gemtap holds, and neither is recorded."""
    key = make(data_dir)
    tap = start_tap(data_dir=data_dir, environment={"GEMINI_API_KEY": HELD})
    for target, headers in PLACES:
        raw = request(target.format(key), *(each.format(key) for each in headers))
        sent, got, capture = pass_on(tap, upstream, raw)
        assert f"x-goog-api-key: {HELD}".encode() in sent
        assert sent.count(HELD.encode()) == 1
        assert key.encode() not in sent + got + capture.bytes
        assert HELD.encode() not in got + capture.bytes
        assert capture.request["user"] == "ana"


def test_an_api_key_of_the_clients_own_goes_on(start_tap: Start, upstream: ScriptedUpstream, data_dir: Path) -> None:
    """With `x-gemtap-key`, the client's own API key is forwarded, and the held one is not used."""
    key = make(data_dir)
    tap = start_tap(data_dir=data_dir, environment={"GEMINI_API_KEY": HELD})
    raw = request(GENERATE, f"x-goog-api-key: {OWN}", f"x-gemtap-key: {key}", "accept-encoding: gzip")
    sent, _, capture = pass_on(tap, upstream, raw)
    assert OWN.encode() in sent
    assert HELD.encode() not in sent
    assert key.encode() not in sent
    assert b"accept-encoding: gzip" in sent
    assert capture.request["user"] == "ana"


def test_who_has_no_valid_key_is_refused_in_the_apis_own_shape(
    start_tap: Start, upstream: ScriptedUpstream, data_dir: Path
) -> None:
    """401 as the API words it, recorded without the body; nothing goes upstream."""
    expired = make(data_dir, days=-1)
    make(data_dir, "bob")
    tap = start_tap(data_dir=data_dir, environment={"GEMINI_API_KEY": HELD})
    forged = "gt_" + "A" * 43
    shown: tuple[list[str], ...] = (
        [],
        [f"x-goog-api-key: {OWN}"],
        [f"x-gemtap-key: {forged}"],
        [f"Authorization: Bearer {expired}"],
    )
    for wire in (each.wire for each in PROVIDERS.values()):
        path = next(path for path in SOME_PATHS if wire.route(path.encode()))
        for headers in shown:
            status, body, capture = ask(tap, request(f"/{wire.prefix}{path}", *headers, body=b'{"secret": "plan"}'))
            assert status == 401
            message = capture.end["details"]
            assert wire.error(401, "UNAUTHENTICATED", message)[1] == body
            assert ("expired" in message) == any(expired in each for each in headers)
            assert (capture.outcome, capture.body("request"), capture.request["upstream"]) == ("refused", b"", None)
            assert b"plan" not in capture.bytes
            assert forged.encode() not in capture.bytes
    assert upstream.nobody_calls(0)


def test_strangers_do_not_fill_the_disk(start_tap: Start, upstream: ScriptedUpstream, data_dir: Path) -> None:
    """Some of their requests are recorded, all of them are refused and counted, and users are recorded as ever."""
    key = make(data_dir)
    tap = start_tap(data_dir=data_dir, environment={"GEMINI_API_KEY": HELD})
    asked = 2 * REFUSED_A_MINUTE
    began = time.monotonic()
    for _ in range(asked):
        assert status_of(tap, request(GENERATE, body=b'{"secret": "plan"}')) == 401
    took = time.monotonic() - began
    recorded = len(tap.ended())
    assert REFUSED_A_MINUTE <= recorded <= REFUSED_A_MINUTE + took + 1
    counted = counted_losses(Spool(tap.spool))
    assert [(each["kind"], each["count"]) for each in counted] == [("strangers_refused", asked - recorded)]
    assert tap.health()["captures_lost"] == 0
    assert pass_on(tap, upstream, request(GENERATE, f"x-goog-api-key: {key}"))[2].request["user"] == "ana"


def test_a_wrong_key_in_x_gemtap_key_is_refused_even_beside_a_right_one(
    start_tap: Start, upstream: ScriptedUpstream, data_dir: Path
) -> None:
    """What is meant for Gemtap counts."""
    key = make(data_dir)
    tap = start_tap(data_dir=data_dir, environment={"GEMINI_API_KEY": HELD})
    assert ask(tap, request(GENERATE, f"x-goog-api-key: {key}", "x-gemtap-key: gt_no"))[0] == 401
    assert upstream.nobody_calls(0)


def test_changes_are_in_force_without_a_restart(start_tap: Start, data_dir: Path) -> None:
    """The first key, a rotation, a revocation and the end of access control reach a running proxy."""
    tap = start_tap(data_dir=data_dir)
    file = KeyFile(data_dir)

    def is_let_in(key: str) -> bool:
        # Not all of these are recorded.
        status = status_of(tap, request("/no/such/path", f"x-goog-api-key: {key}", method="GET", body=b""))
        assert status in (401, 404)
        return status == 404

    assert is_let_in("anything")
    old = make(data_dir)
    eventually(lambda: None if is_let_in("anything") else True)
    assert is_let_in(old)
    new = file.change(lambda before: rotate(before, "ana", None, datetime.now(UTC)))
    eventually(lambda: is_let_in(new) or None)
    assert not is_let_in(old)
    file.change(lambda before: (revoke(before, "ana"), None))
    eventually(lambda: None if is_let_in(new) else True)
    file.write(KeyList())
    eventually(lambda: is_let_in("anything") or None)


def test_without_a_provider_key_the_error_says_what_to_do(
    start_tap: Start, upstream: ScriptedUpstream, data_dir: Path
) -> None:
    """An access key alone, where Gemtap holds no key, is refused before anything is sent."""
    key = make(data_dir)
    tap = start_tap(data_dir=data_dir)
    status, body, _ = ask(tap, request(GENERATE, f"x-goog-api-key: {key}"))
    assert status == 403
    assert "x-gemtap-key" in json.loads(body)["error"]["message"]
    assert upstream.nobody_calls(0)


def test_a_held_key_is_sent_to_no_host_that_a_client_names(
    start_tap: Start, upstream: ScriptedUpstream, data_dir: Path
) -> None:
    """Azure's resource is part of the path: a stranger's resource never gets the key."""
    key = make(data_dir)
    providers = Providers(azure=ProviderSettings(upstream="http://{resource}.localhost:" + str(upstream.port)))
    tap = start_tap(data_dir=data_dir, providers=providers, environment={"AZURE_OPENAI_API_KEY": HELD})
    status, _, _ = ask(tap, request("/azure/evil/openai/deployments/x", f"api-key: {key}"))
    assert status == 403
    assert upstream.nobody_calls(0)


def test_what_an_upstream_repeats_of_a_held_key_reaches_nobody(
    start_tap: Start, upstream: ScriptedUpstream, data_dir: Path
) -> None:
    """In headers, the reason, and a body whose pieces split the key; its length stays the same."""
    key = make(data_dir)
    tap = start_tap(data_dir=data_dir, environment={"GEMINI_API_KEY": HELD})
    with tap.connect() as client:
        client.send(request(GENERATE, f"x-goog-api-key: {key}", "accept-encoding: gzip"))
        peer = upstream.accept()
        head, _ = peer.take_request()
        assert head.values(b"accept-encoding") == [b"identity"]
        reason = f"400 Bad key {HELD}"
        peer.send(response(f"x-seen: {HELD}", "Transfer-Encoding: chunked", status=reason, body=b""))
        got = client.take_head()
        for piece in (b"bad key " + HELD[:7].encode(), HELD[7:20].encode(), HELD[20:].encode() + b" AIza", b""):
            peer.send(chunk(piece))
        body = client.take_chunks()
    stars = b"*" * len(HELD)
    assert body == b"bad key " + stars + b" AIza"
    capture = tap.captured(got)
    assert HELD.encode() not in got.raw + capture.bytes
    assert got.value(b"x-seen") == stars


def test_keys_per_user_come_from_the_file_and_others_from_the_variable(
    start_tap: Start, upstream: ScriptedUpstream, data_dir: Path
) -> None:
    """`provider_keys` names keys for all and for one user, and is read again when it changes."""
    ana, bob = make(data_dir, "ana"), make(data_dir, "bob")
    path = data_dir / "provider-keys.toml"
    path.write_text('[users.ana]\nopenai = "sk-ana-0123456789"\n')
    providers = Providers(openai=ProviderSettings(upstream=upstream.origin))
    environment = {"OPENAI_API_KEY": "sk-all-0123456789"}
    tap = start_tap(data_dir=data_dir, provider_keys=path, providers=providers, environment=environment)

    def bearer(key: str) -> bytes:
        return pass_on(tap, upstream, request(CHAT, f"Authorization: Bearer {key}"))[0]

    assert b"authorization: Bearer sk-ana-0123456789" in bearer(ana)
    assert b"authorization: Bearer sk-all-0123456789" in bearer(bob)
    path.write_text('openai = "sk-new-0123456789"\n')
    eventually(lambda: b"Bearer sk-new-0123456789" in bearer(bob) or None)


def test_a_compressed_answer_to_a_client_with_its_own_key_stays_as_it_is(
    start_tap: Start, upstream: ScriptedUpstream, data_dir: Path
) -> None:
    """Nothing is changed of an exchange in which no held key takes part."""
    key = make(data_dir)
    tap = start_tap(data_dir=data_dir)
    body = gzip.compress(b"{}")
    raw = request(GENERATE, f"x-goog-api-key: {OWN}", f"x-gemtap-key: {key}")
    _, got, _ = pass_on(tap, upstream, raw, response("Content-Encoding: gzip", "Connection: close", body=body))
    assert got.endswith(body)


def test_a_websocket_needs_a_key_too(start_tap: Start, upstream: ScriptedUpstream, data_dir: Path) -> None:
    """A handshake without a key is refused; with one in a subprotocol or in the query, the held key is sent."""
    key = make(data_dir)
    tap = start_tap(data_dir=data_dir, environment={"GEMINI_API_KEY": HELD})
    live = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    upgrade = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: " + "A" * 22 + "==",
    )
    assert ask(tap, request(live, *upgrade, method="GET", body=b""))[0] == 401
    for target, protocol in ((f"{live}?key={key}", "a"), (live, f"a, openai-insecure-api-key.{key}")):
        raw = request(target, *upgrade, f"Sec-WebSocket-Protocol: {protocol}", method="GET", body=b"")
        refused = response(
            "Content-Type: text/plain", "Connection: close", status="403 No", body=f"not {HELD}".encode()
        )
        sent, got, capture = pass_on(tap, upstream, raw, refused)
        assert f"x-goog-api-key: {HELD}".encode() in sent
        assert key.encode() not in sent + capture.bytes
        assert HELD.encode() not in got + capture.bytes
        assert capture.request["user"] == "ana"


OPEN = ("/", "/_gemtap/health", "/_gemtap/tunnels", "/_gemtap/ca.pem")
"""The tap's own paths. They say nothing of anybody's traffic; the tunnels are told to loopback alone."""


def test_every_path_of_the_taps_own_is_known_here(start_tap: Start) -> None:
    """Whatever is added to these answers people without a key: it belongs into the list, or gets a rule."""
    routes = make_app(start_tap().settings).routes
    assert sorted(getattr(each, "path", repr(each)) for each in routes) == sorted(OPEN)


HOST = "generativelanguage.googleapis.com"
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {'A' * 22}==")

WAYS = {
    "own path": (f"GET {OPEN[1]} HTTP/1.1", (), "x-goog-api-key: {}", 200, 200),
    "base URL": ("GET /no/such/path HTTP/1.1", (), "x-goog-api-key: {}", 401, 404),
    "prefix": ("GET /openai/no/such/path HTTP/1.1", (), "authorization: Bearer {}", 401, 403),
    "WebSocket": ("GET /no/such/path HTTP/1.1", UPGRADE, "x-gemtap-key: {}", 401, 404),
    "forward proxy": ("GET http://127.0.0.1:1/ HTTP/1.1", (), "proxy-authorization: Bearer {}", 407, 403),
    "tunnel": (f"CONNECT {HOST}:443 HTTP/1.1", (), "proxy-authorization: Bearer {}", 407, 200),
    "tunnel to nobody's host": ("CONNECT 127.0.0.1:1 HTTP/1.1", (), "proxy-authorization: Bearer {}", 407, 403),
}
"""Request line, headers, where the key stands, and the status without and with a valid key."""


def test_who_is_let_in_by_which_way(start_tap: Start, upstream: ScriptedUpstream, data_dir: Path) -> None:
    """Each way into the tap, as nobody, with a key that is not valid any more or never was, as member and as admin."""
    now = datetime.now(UTC)
    revoked = make(data_dir, "eve")
    KeyFile(data_dir).change(lambda before: (revoke(before, "eve"), None))
    strangers = {
        "nobody": None,
        "forged": "gt_" + "A" * 43,
        "expired": make(data_dir, "old", days=-1),
        "revoked": revoked,
    }
    users = {
        "member": make(data_dir),
        "admin": KeyFile(data_dir).change(lambda before: add(before, "root", "admin", None, now)),
    }
    tap = start_tap(data_dir=data_dir)
    found, expected = {}, {}
    for way, (line, headers, place, without, with_key) in WAYS.items():
        for person, key in (strangers | users).items():
            shown = [place.format(key)] if key is not None else []
            host = "127.0.0.1:1" if "http://" in line else f"127.0.0.1:{tap.port}"
            raw = "\r\n".join([line, f"Host: {host}", *headers, *shown, "", ""]).encode()
            found[way, person] = status_of(tap, raw)
            expected[way, person] = with_key if person in users else without
    assert found == expected
    assert upstream.nobody_calls(0)


def test_a_key_in_proxy_authorization() -> None:
    """Bare, as a bearer token, or as either part of Basic."""
    key = b"gt_" + b"aZ-_" * 10 + b"abc"
    basic = base64.b64encode
    for value in (key, b"Bearer " + key, b"Basic " + basic(key + b":"), b"basic " + basic(b"ana:" + key)):
        assert key_in(value) == key
    for value in (b"", b"Basic !", b"Bearer " + key + b"x", b"Basic " + basic(b"ana:x"), key[:-1]):
        assert key_in(value) is None
