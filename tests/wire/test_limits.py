"""Limits at the proxy: what is let through, what is refused and how, and what stays counted when a tap is killed."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from gemtap.access.key_file import KeyFile
from gemtap.access.keys import add
from gemtap.capture.capture_policy import REFUSED_A_MINUTE
from gemtap.capture.loss_counter import counted_losses
from gemtap.capture.spool import Spool
from gemtap.limits.estimate import MOST_READ, OUTPUT_TOKENS
from gemtap.limits.ledger import LedgerReader
from gemtap.limits.limit_file import LimitFile
from gemtap.limits.limits import Limit, LimitList, Measure, parse_amount, parse_subject, put
from gemtap.limits.prices import Price, write_prices
from gemtap.providers.registry import PROVIDERS
from gemtap.settings import Providers, ProviderSettings
from gemtap.tap.limiting import MOST_HELD
from tests.wire.http2_client import Http2Client
from tests.wire.peers import Peer, ScriptedUpstream, chunk, eventually, request, response
from tests.wire.running_tap import Captured, RunningTap

FLASH = "/v1beta/models/gemini-2.5-flash:generateContent"
LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
CHAT_HERE = "/v1beta/openai/chat/completions"
PRO = "/v1beta/models/gemini-2.5-pro:generateContent"
ASKING = {
    "gemini": FLASH,
    "vertex": "/vertex/v1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro:generateContent",
    "code_assist": "/v1internal:generateContent",
    "antigravity": "/antigravity/v1internal:generateContent",
    "openai": "/openai/v1/chat/completions",
    "anthropic": "/anthropic/v1/messages",
    "ollama": "/ollama/api/chat",
    "azure": "/azure/resource/openai/deployments/gpt-5/chat/completions",
    "mistral": "/mistral/v1/chat/completions",
}

Start = Callable[..., RunningTap]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def limit(data_dir: Path, subject: str, measure: Measure, amount: str) -> Limit:
    """Set a limit."""
    number, span = parse_amount(measure, amount)

    def change(before: LimitList) -> tuple[LimitList, Limit]:
        after = put(before, parse_subject(subject), measure, number, span)
        same = (parse_subject(subject), measure, span)
        return after, next(each for each in after.limits if (each.subject, each.measure, each.span) == same)

    return LimitFile(data_dir).change(change)


def key_of(data_dir: Path, name: str) -> str:
    """An access key for a user."""
    return KeyFile(data_dir).change(lambda before: add(before, name, "member", None, datetime.now(UTC)))


def used(data_dir: Path, limit: Limit) -> int:
    with LedgerReader(data_dir) as reader:
        return reader.usage(limit).used


def passes(tap: RunningTap, upstream: ScriptedUpstream, raw: bytes) -> Captured:
    """A request that goes on: its capture."""
    with tap.connect() as client:
        client.send(raw)
        peer = upstream.accept()
        peer.take_request()
        peer.send(response("Connection: close"))
        head, _ = client.take_response()
    assert head.status == 200
    return tap.captured(head)


def refused(tap: RunningTap, raw: bytes, status: int = 429) -> tuple[int, bytes, Captured]:
    """A request that is refused: after how many seconds it may be tried again, the body and the capture."""
    with tap.connect() as client:
        client.send(raw)
        head, body = client.take_response()
    assert head.status == status, body
    return int(head.value(b"retry-after") or 0), body, tap.captured(head)


def asking(path: str, body: Any, *headers: str) -> bytes:
    return request(path, "Content-Type: application/json", *headers, body=json.dumps(body).encode())


def test_requests_are_counted_and_refused_before_they_go_on(
    start_tap: Start, upstream: ScriptedUpstream, data_dir: Path
) -> None:
    """The answer says which limit it is, how much is used, and when it makes sense to try again."""
    its = limit(data_dir, "all", "requests", "2/day")
    tap = start_tap(data_dir=data_dir)
    first = passes(tap, upstream, request(FLASH))
    (reserved,) = [event.value for event in first.events if event.kind == "reserved"]
    (reservation,) = reserved["limits"]
    assert (reservation["limit"], reservation["measure"], reservation["amount"]) == (its.id, "requests", 1)
    assert [event.kind for event in first.events[:4]] == ["request", "request.body", "reserved", "response"]
    passes(tap, upstream, request(FLASH))
    passes(tap, upstream, request(FLASH.replace("generateContent", "countTokens")))
    passes(tap, upstream, request("/v1beta/models", method="GET", body=b""))
    retry_after, body, capture = refused(tap, request(FLASH))
    error = json.loads(body)["error"]
    assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert "requests of everything, 2/day. 2 of 2 are used. The window ends at 20" in error["message"]
    assert error["details"][0]["retryDelay"] == f"{retry_after}s"
    midnight = (int(time.time()) // 86400 + 1) * 86400
    assert abs(time.time() + retry_after - midnight) < 30
    assert (capture.outcome, capture.end["details"]) == ("refused", error["message"])
    assert capture.response is not None
    assert capture.response["made_here"]
    assert (capture.end["sent"], capture.request["upstream"]) == (None, None)
    assert used(data_dir, its) == 2
    assert upstream.nobody_calls(0)


def test_each_api_words_it_as_it_does_itself(start_tap: Start, upstream: ScriptedUpstream, data_dir: Path) -> None:
    """429 in the shape of every API. A limit of 0 switches something off."""
    limit(data_dir, "all", "requests", "0/minute")
    tap = start_tap(data_dir=data_dir)
    assert ASKING.keys() == PROVIDERS.keys()
    for name, path in ASKING.items():
        retry_after, body, capture = refused(tap, request(path, body=b'{"model": "m"}'))
        assert 1 <= retry_after <= 60
        assert PROVIDERS[name].wire.limited(capture.end["details"], retry_after)[1] == body
    shown = json.loads(refused(tap, request(ASKING["openai"]))[1])["error"]
    assert (shown["type"], shown["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert json.loads(refused(tap, request(ASKING["anthropic"]))[1])["error"]["type"] == "rate_limit_error"
    assert upstream.nobody_calls(0)


def test_concurrent_requests_are_given_back_however_they_end(
    start_tap: Start, upstream: ScriptedUpstream, data_dir: Path
) -> None:
    """After an answer, after a client that leaves, and after an upstream that breaks off or answers an error."""
    its = limit(data_dir, "all", "concurrent", "1")
    tap = start_tap(data_dir=data_dir)
    for ends in ("answer", "error", "break", "leave", "long"):
        with tap.connect() as client:
            client.send(request(FLASH))
            peer = upstream.accept()
            peer.take_request()
            retry_after, body, _ = refused(tap, request(PRO))
            assert retry_after == 1
            assert b"concurrent of everything, 1. 1 requests are running" in body
            match ends:
                case "answer":
                    peer.send(response("Connection: close"))
                case "error":
                    peer.send(response("Connection: close", status="500 Internal Server Error"))
                case "break":
                    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
                    peer.close()
                case "long":
                    peer.send(
                        b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"a")
                    )
                    client.take_until(b"a\r\n")
                    refused(tap, request(PRO))
                    peer.send(chunk(b"b") + b"0\r\n\r\n")
            if ends != "leave":
                client.take_rest() if ends == "break" else client.take_until(b"{}" if ends != "long" else b"0\r\n\r\n")
        eventually(lambda: True if used(data_dir, its) == 0 else None)
    passes(tap, upstream, request(FLASH))


def test_tokens_are_estimated_from_the_body(start_tap: Start, upstream: ScriptedUpstream, data_dir: Path) -> None:
    """A quarter of its bytes, and what the answer may have; media count by their size; the body goes on as it came."""
    its = limit(data_dir, "all", "tokens", "10k/day")
    tap = start_tap(data_dir=data_dir)
    body = {"contents": [{"parts": [{"text": "x y" * 100}]}], "generationConfig": {"maxOutputTokens": 1000}}
    size = len(json.dumps(body))
    capture = passes(tap, upstream, asking(FLASH, body))
    assert used(data_dir, its) == 1000 + -(-size // 4)
    (reserved,) = [event.value["limits"] for event in capture.events if event.kind == "reserved"]
    assert reserved[0]["amount"] == used(data_dir, its)
    before = used(data_dir, its)
    image = {**body, "contents": [{"parts": [{"inlineData": {"data": "A" * 400_000}}]}]}
    with tap.connect() as client:
        raw = json.dumps(image).encode()
        client.send(request(FLASH, "Transfer-Encoding: chunked", body=b""))
        for start in range(0, len(raw), 100_000):
            client.send(chunk(raw[start : start + 100_000]))
            time.sleep(0.01)
        client.send(b"0\r\n\r\n")
        peer = upstream.accept()
        head, _ = peer.take_request()
        assert head.value(b"transfer-encoding") == b"chunked"
        peer.send(response("Connection: close"))
        assert client.take_response()[0].status == 200
    assert 1000 + 400_000 // 256 <= used(data_dir, its) - before < 4000
    before = used(data_dir, its)
    shown = refused(tap, asking(FLASH, {"generationConfig": {"maxOutputTokens": 9000}}))[1].decode()
    assert f"tokens of everything, 10k/day. {before} of 10k are used, {before} of it by estimates" in shown
    assert "; this request may take 901" in shown
    refused(tap, request(FLASH, "Content-Encoding: gzip", body=gzip.compress(b"[" + b"1," * 20_000 + b"1]")))
    assert used(data_dir, its) == before


def test_a_slow_body_counts_when_it_has_arrived(start_tap: Start, upstream: ScriptedUpstream, data_dir: Path) -> None:
    """The window of its head may be over, and its place in the ledger another window's."""
    limit(data_dir, "all", "tokens", "1M/second")
    tap = start_tap(data_dir=data_dir)
    with tap.connect() as client:
        head, _, body = request(FLASH).partition(b"\r\n\r\n")
        client.send(head + b"\r\n\r\n" + body[:1])
        time.sleep(2)
        sent_at = int(time.time())
        client.send(body[1:])
        upstream.accept().take_request()
        upstream.last.send(response("Connection: close"))
        capture = tap.captured(client.take_response()[0])
    (reserved,) = [event.value["limits"] for event in capture.events if event.kind == "reserved"]
    assert reserved[0]["start"] >= sent_at > capture.request["received"] + 1


@pytest.mark.parametrize("framing", ["chunked", "sized"])
def test_a_body_that_is_too_large_to_read_counts_by_its_size(
    start_tap: Start, upstream: ScriptedUpstream, data_dir: Path, framing: str
) -> None:
    """It goes on as it comes, and may be for any model."""
    its = limit(data_dir, "model:nobody-asks-for-this", "tokens", "100M/day")
    tap = start_tap(data_dir=data_dir)
    body = b'{"contents": "' + b"a b " * (MOST_READ // 4) + b'"}'

    def send(client: Peer) -> None:
        if framing == "sized":
            client.send(request(CHAT_HERE, body=body))
            return
        client.send(request(CHAT_HERE, "Transfer-Encoding: chunked", body=b""))
        for start in range(0, len(body), 2**20):
            client.send(chunk(body[start : start + 2**20]))
        client.send(b"0\r\n\r\n")

    with tap.connect() as client, ThreadPoolExecutor(1) as threads:
        sending = threads.submit(send, client)
        peer = upstream.accept()
        head = peer.take_head()
        arrived = peer.take(len(body)) if framing == "sized" else peer.take_chunks()
        assert arrived == body
        assert (head.value(b"transfer-encoding") == b"chunked") is (framing == "chunked")
        peer.send(response("Connection: close"))
        assert client.take_response()[0].status == 200
        sending.result()
    assert used(data_dir, its) >= MOST_READ // 4


def test_bodies_that_find_no_room_count_by_their_size(
    start_tap: Start, upstream: ScriptedUpstream, data_dir: Path
) -> None:
    """Many large bodies at once do not fill the memory: one beyond that is not read, and may be for any model."""
    its = limit(data_dir, "model:nobody-asks-for-this", "tokens", "100M/day")
    tap = start_tap(data_dir=data_dir)
    body = b'{"model": "gpt-5", "messages": "' + b"a b " * 100_000 + b'"}'
    with ExitStack() as clients:
        for _ in range(MOST_HELD // MOST_READ):
            client = clients.enter_context(tap.connect())
            client.send(request(CHAT_HERE, f"Content-Length: {MOST_READ}", body=b""))
            client.send(b"{")
        time.sleep(1)
        with tap.connect() as client:
            client.send(request(CHAT_HERE, body=body))
            peer = upstream.accept()
            assert peer.take_request()[1] == body
            peer.send(response("Connection: close"))
            assert client.take_response()[0].status == 200
        before = used(data_dir, its)
        assert before >= len(body) // 4
    # Those clients have left, and with them their bodies.
    time.sleep(1)
    passes(tap, upstream, request(CHAT_HERE, body=body))
    assert used(data_dir, its) == before


def test_costs_are_estimated_at_the_price_of_the_model(
    start_tap: Start, upstream: ScriptedUpstream, data_dir: Path
) -> None:
    """The desk writes the prices; they are read again when they change."""
    its = limit(data_dir, "all", "cost", "1usd/month")
    tap = start_tap(data_dir=data_dir)
    body = {"generationConfig": {"maxOutputTokens": 50_000}}
    passes(tap, upstream, asking(FLASH, body))
    assert used(data_dir, its) == 0
    write_prices(data_dir, {"gemini": {"gemini-2.5-flash": Price(0.3, 2.5), "gemini-2.5-pro": Price(1.25, 10)}})
    time.sleep(1)
    passes(tap, upstream, asking(FLASH, body))
    flash = used(data_dir, its)
    assert 125_000 < flash < 125_100
    passes(tap, upstream, asking(PRO, body))
    assert 500_000 < used(data_dir, its) - flash < 500_100
    retry_after, answer, _ = refused(tap, asking(PRO, body))
    assert retry_after == 5, "what is reserved now may be settled by then"
    message = json.loads(answer)["error"]["message"]
    assert "cost of everything, 1usd/month. 0.625" in message
    assert "this request may take 0.500" in message


def test_whom_a_limit_holds_for(start_tap: Start, upstream: ScriptedUpstream, data_dir: Path) -> None:
    """A user by the access key; a model by the path or the body; a client by how it calls itself."""
    ana, bob = key_of(data_dir, "ana"), key_of(data_dir, "bob")
    served = ProviderSettings(upstream=upstream.origin)
    tap = start_tap(data_dir=data_dir, providers=Providers(gemini=served, openai=served))
    own = "Authorization: Bearer own-key"

    def ask_as(key: str, path: str, body: Any, *headers: str) -> bytes:
        return asking(path, body, own, f"x-gemtap-key: {key}", *headers)

    limit(data_dir, "Ana", "requests", "1/day")
    limit(data_dir, "model:*-PRO*", "requests", "2/day")
    limit(data_dir, "model:gpt-5*", "requests", "1/day")
    limit(data_dir, "client:aid?r", "requests", "1/day")
    time.sleep(1)
    passes(tap, upstream, ask_as(ana, FLASH, {}))
    refused(tap, ask_as(ana, FLASH, {}))
    passes(tap, upstream, ask_as(bob, PRO, {}))
    passes(tap, upstream, ask_as(bob, PRO.replace(":", "%3A"), {}))
    refused(tap, ask_as(bob, PRO, {}))
    passes(tap, upstream, ask_as(bob, FLASH, {}))
    chat = ASKING["openai"]
    passes(tap, upstream, ask_as(bob, chat, {"model": "openai/gpt-5-mini", "messages": []}))
    assert b"requests of model:gpt-5*" in refused(tap, ask_as(bob, chat, {"model": "GPT-5", "messages": []}))[1]
    passes(tap, upstream, ask_as(bob, chat, {"model": "gpt-4", "messages": []}))
    # What cannot be read may be for any model: for gpt-5, of which nothing is left.
    refused(tap, request(chat, own, f"x-gemtap-key: {bob}", body=b'{"model": "gpt-4"'))
    passes(tap, upstream, ask_as(bob, FLASH, {}, "User-Agent: aider/0.86.1 +https://aider.chat"))
    refused(tap, ask_as(bob, FLASH, {}, "User-Agent: aider/0.86.2 +https://aider.chat"))
    passes(tap, upstream, ask_as(bob, FLASH, {}, "User-Agent: opencode/1.0"))


def test_limits_hold_within_a_second_without_a_restart(
    start_tap: Start, upstream: ScriptedUpstream, data_dir: Path
) -> None:
    """Set, changed and unset while requests run. Without limits, there is no ledger."""
    tap = start_tap(data_dir=data_dir)
    passes(tap, upstream, request(FLASH))
    assert not (data_dir / "ledger").exists()
    limit(data_dir, "all", "requests", "1/day")
    time.sleep(1)
    passes(tap, upstream, request(FLASH))
    refused(tap, request(FLASH))
    limit(data_dir, "all", "requests", "2/day")
    time.sleep(1)
    passes(tap, upstream, request(FLASH))
    refused(tap, request(FLASH))
    LimitFile(data_dir).write(LimitList())
    time.sleep(1)
    passes(tap, upstream, request(FLASH))


def test_a_killed_tap_gives_back_what_ran_and_forgets_nothing(
    start_tap: Start, upstream: ScriptedUpstream, data_dir: Path
) -> None:
    """Its requests have ended with it, whoever looks; what it had admitted stays admitted."""
    concurrent = limit(data_dir, "all", "concurrent", "3")
    requests = limit(data_dir, "all", "requests", "5/day")
    tokens = limit(data_dir, "all", "tokens", "1M/day")
    one, other = start_tap(data_dir=data_dir), start_tap(data_dir=data_dir)
    clients = [one.connect() for _ in range(3)]
    for client in clients:
        client.send(request(FLASH))
        upstream.accept().take_request()
    refused(other, request(FLASH))
    reserved = used(data_dir, tokens)
    assert (used(data_dir, requests), used(data_dir, concurrent)) == (3, 3)
    one.kill()
    eventually(lambda: True if used(data_dir, concurrent) == 0 else None)
    assert (used(data_dir, requests), used(data_dir, tokens)) == (3, reserved)
    passes(other, upstream, request(FLASH))
    one.start()
    passes(one, upstream, request(FLASH))
    for tap in (one, other):
        assert b"5 of 5 are used" in refused(tap, request(FLASH))[1]
    assert len(list((data_dir / "ledger").glob("tap-*.bin"))) == 2
    for client in clients:
        client.close()


class Counting(BaseHTTPRequestHandler):
    """An upstream that answers everything, and counts it."""

    def do_POST(self) -> None:
        assert isinstance(self.server, CountingUpstream)
        self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


class CountingUpstream(ThreadingHTTPServer):
    """A server on a free port."""

    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Counting)
        self.asked: list[str] = []


def test_two_taps_never_let_more_through_than_there_is(start_tap: Start, data_dir: Path) -> None:
    """200 requests at once of which 40 may go on: as many arrive at the upstream as are counted, and no more."""
    its = limit(data_dir, "all", "requests", "40/day")
    with CountingUpstream() as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        origin = f"http://127.0.0.1:{server.server_address[1]}"
        taps = [start_tap(data_dir=data_dir, upstream_of=origin) for _ in range(2)]

        def ask(number: int) -> int:
            with taps[number % 2].connect() as client:
                client.send(request(FLASH))
                return client.take_head().status

        with ThreadPoolExecutor(100) as threads:
            statuses = list(threads.map(ask, range(200)))
        assert statuses.count(200) == len(server.asked) == used(data_dir, its) <= 40
        assert statuses.count(429) == 200 - len(server.asked)
        # Only requests at the very same moment may both be refused although there was room for one.
        while used(data_dir, its) < 40:
            assert ask(0) == 200
        assert [ask(0), ask(1)] == [429, 429]
        server.shutdown()
        serving.join()


def test_intercepted_requests_over_http2_are_counted(
    start_tap: Start, upstream: ScriptedUpstream, data_dir: Path
) -> None:
    """Whichever way a request comes."""
    limit(data_dir, "model:gemini-*", "requests", "1/day")
    tap = start_tap(data_dir=data_dir)
    client = Http2Client(tap)
    first = client.ask(b"{}")
    peer = upstream.accept()
    peer.take_request()
    peer.send(response())
    assert client.head(first)[0] == 200
    status, fields = client.head(second := client.ask(b"{}"))
    assert (status, int(fields["retry-after"]) > 0) == (429, True)
    assert json.loads(client.body(second))["error"]["status"] == "RESOURCE_EXHAUSTED"
    client.close()


def test_sessions_are_counted(start_tap: Start, data_dir: Path) -> None:
    """A session counts as a request, runs until it is closed, and reserves the default output."""

    def echo(session: ServerConnection) -> None:
        for message in session:
            session.send(message)

    concurrent = limit(data_dir, "all", "concurrent", "1")
    tokens = limit(data_dir, "all", "tokens", "10k/day")
    limit(data_dir, "model:gpt-realtime*", "requests", "0/day")
    with serve(echo, "127.0.0.1", 0) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        served = ProviderSettings(upstream=f"http://127.0.0.1:{server.socket.getsockname()[1]}")
        tap = start_tap(data_dir=data_dir, providers=Providers(gemini=served, openai=served))

        def session(target: str = LIVE) -> ClientConnection:
            return connect(f"ws://127.0.0.1:{tap.port}{target}")

        for ends in ("closed", "broken"):
            with session() as client:
                client.send("hello")
                assert client.recv() == "hello"
                with pytest.raises(InvalidStatus) as caught:
                    session()
                answer = caught.value.response
                assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
                assert b"RESOURCE_EXHAUSTED" in (answer.body or b"")
                assert tap.capture_of(answer.headers["x-gemtap-id"]).outcome == "refused"
                if ends == "broken":
                    client.socket.shutdown(socket.SHUT_RDWR)
            eventually(lambda: True if used(data_dir, concurrent) == 0 else None)
        assert used(data_dir, tokens) == 2 * OUTPUT_TOKENS
        with pytest.raises(InvalidStatus, match="429"):
            session()  # 10k tokens are too few for a third one
        LimitFile(data_dir).change(lambda before: (LimitList(before.limits[2:]), None))
        time.sleep(1)
        with session() as client:
            client.send("hello")
        with pytest.raises(InvalidStatus, match="429"):
            session("/openai/v1/realtime?model=gpt-realtime-mini")
        server.shutdown()
        serving.join()


def test_a_runaway_client_does_not_fill_the_disk(start_tap: Start, upstream: ScriptedUpstream, data_dir: Path) -> None:
    """Some refusals are recorded, all of them are counted, whether the body was read before or not."""
    limit(data_dir, "all", "requests", "0/day")
    limit(data_dir, "model:*pro*", "tokens", "0/day")
    tap = start_tap(data_dir=data_dir)
    began = time.monotonic()
    asked = REFUSED_A_MINUTE + 20
    for _ in range(asked):
        with tap.connect() as client:
            client.send(request(FLASH))
            assert client.take_head().status == 429
    LimitFile(data_dir).change(lambda before: (LimitList(before.limits[1:]), None))
    time.sleep(1)
    for _ in range(20):
        with tap.connect() as client:
            client.send(request(PRO))
            assert client.take_head().status == 429
    took = time.monotonic() - began
    recorded = len(tap.ended())
    assert REFUSED_A_MINUTE <= recorded <= REFUSED_A_MINUTE + took + 1
    counted = counted_losses(Spool(tap.spool))
    assert [(each["kind"], each["count"]) for each in counted] == [("limits_refused", asked + 20 - recorded)]
    assert tap.health()["captures_lost"] == 0


def test_what_cannot_be_counted_is_refused(start_tap: Start, upstream: ScriptedUpstream, data_dir: Path) -> None:
    """A budget must not be open because its ledger is damaged; requests without limits go on."""
    limit(data_dir, "model:*pro*", "requests", "5/day")
    (data_dir / "ledger").write_text("in the way")
    tap = start_tap(data_dir=data_dir)
    _, body, _ = refused(tap, request(PRO), 503)
    assert b"cannot count this request" in body
    passes(tap, upstream, request(FLASH))
    (data_dir / "ledger").unlink()
    time.sleep(1)
    passes(tap, upstream, request(PRO))
