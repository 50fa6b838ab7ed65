"""From an exchange that another program has written down to a record: by way of a capture, as a tap would write it.

So it is cleaned of credentials, parsed and priced by the very code that does this for what Gemtap records itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from bson import ObjectId

from gemtap import __version__
from gemtap.body import parse_body, serialise
from gemtap.capture.events import FORMAT, BodyEnd, End, Kind, RawHeaders, RequestHead, ResponseHead, pack
from gemtap.importers.base import ReadExchange
from gemtap.importers.texts import header_bytes
from gemtap.interaction import Headers
from gemtap.providers import routing
from gemtap.providers.declared_secrets import UNKNOWN, secrets_of
from gemtap.providers.registry import PROVIDERS
from gemtap.providers.secrets import Operation, Paths
from gemtap.recorder.assemble import assemble
from gemtap.recorder.captured import headers_of
from gemtap.recorder.redact import Redactor
from gemtap.stores.base import Record
from gemtap.tap.cleaning import CleanBody, clean_message
from gemtap.tap.credentials import Fingerprints, Redacted, redact_request, redact_response_headers
from gemtap.tap.scrubbing import scrub

_PLACEHOLDER: Final = re.compile(rb"\[redacted:([0-9a-f]+)\]")

_HOSTS: Final = tuple((host, name) for name, provider in PROVIDERS.items() for host in provider.wire.hosts)
"""Whose API a host is."""

_THIS_MACHINE: Final = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])?")


class KnownFingerprints(Fingerprints):
    """Fingerprints that leave those alone that were made before."""

    def of(self, credential: bytes) -> str:
        """The fingerprint; of a placeholder the one that stands in it."""
        made = _PLACEHOLDER.fullmatch(credential)
        return made[1].decode("ascii") if made else super().of(credential)


@dataclass(frozen=True, slots=True)
class Importing:
    """What records are made with."""

    fingerprints: KnownFingerprints
    upstreams: Mapping[str, str]
    """Provider to upstream, as the settings have them."""
    redactor: Redactor | None = None


def provider_of(exchange: ReadExchange, upstreams: Mapping[str, str]) -> tuple[str, str] | None:
    """Whose API it is, and the path as that knows it; None where nothing tells that it is any API's."""
    path = exchange.target.partition("?")[0]
    host = exchange.host.lower().rpartition(":")[0] if re.search(r":\d+$", exchange.host) else exchange.host.lower()
    for known, provider in _HOSTS:
        if known.fullmatch(host):
            return provider, path
    for provider, upstream in upstreams.items():
        if exchange.host and upstream.partition("://")[2].partition("/")[0].lower() == exchange.host.lower():
            return provider, path
    if not _THIS_MACHINE.fullmatch(host):
        return None
    for name, known_provider in PROVIDERS.items():
        if known_provider.wire.own_paths is not None and known_provider.wire.own_paths.match(path):
            return name, path
    # Recorded on its way to a Gemtap, or nobody has noted where it went.
    route = routing.match(path.encode("utf-8", "replace"))
    return None if route is None else (route.provider, route.path.decode("utf-8", "replace"))


def record_of(exchange: ReadExchange, with_: Importing) -> Record:
    """The record of an exchange. Raises CaptureUnreadable."""
    id_, capture = to_capture(exchange, with_)
    return assemble(capture, id=id_, recorded_at=datetime.now(UTC), providers=PROVIDERS, redactor=with_.redactor)


def to_capture(exchange: ReadExchange, with_: Importing) -> tuple[ObjectId, bytes]:
    """The id and the capture of an exchange: the same each time for the same exchange."""
    path, _, query = exchange.target.partition("?")
    provider, upstream_path = provider_of(exchange, with_.upstreams) or ("", path)
    redacted = _redacted(_raw(exchange.request_headers), _bytes(query), _bytes(path), with_)
    operation = secrets_of(provider).of(_bytes(upstream_path))
    request = _Clean(exchange.request, redacted, operation.request, held=operation.held, is_request=True)
    # Before the body: what the answer's head hands out is replaced in it.
    response_headers = redact_response_headers(_raw(exchange.response_headers), redacted)
    response = _Clean(
        exchange.response,
        redacted,
        operation.response,
        held=operation.held and (exchange.status or 0) < 400,
        content_type=next((value for name, value in exchange.response_headers if name.lower() == "content-type"), ""),
    )
    sent = 0
    end_at = _microseconds(exchange.duration_ms)
    head: RequestHead = {
        "format": FORMAT,
        "tap": __version__,
        "received": exchange.received.timestamp(),
        "method": exchange.method,
        "path": scrub(_bytes(path), redacted.found),
        "query": redacted.query,
        "http_version": exchange.http_version,
        "headers": redacted.headers,
        "client": None,
        "key": redacted.key,
        "provider": provider,
        "upstream_path": scrub(_bytes(upstream_path), redacted.found),
        "upstream": _upstream_of(provider, exchange.host),
        "decoded": True,
    }
    events = [pack(Kind.REQUEST, 0, head)]
    if request.kept:
        events.append(pack(Kind.REQUEST_BODY, 0, request.kept))
    if exchange.status is not None:
        head_at = min(_microseconds(exchange.first_byte_ms or 0), end_at)
        events += _answer(exchange, response_headers, redacted, operation, response.kept, head_at, end_at)
    end: End = {
        "outcome": exchange.outcome,
        "details": exchange.details and redacted.clean(exchange.details),
        "sent": sent,
        "request": request.end(exchange.request_bytes),
        "response": response.end(exchange.response_bytes),
    }
    events.append(pack(Kind.END, end_at, end))
    capture = b"".join(events)
    return exchange.id or _id_of(exchange), capture


def _upstream_of(provider: str, host: str) -> str | None:
    """Where it was sent, if the host is one of the API's own. Others may be proxies on the way, such as Gemtap."""
    known = any(pattern.fullmatch(host.lower()) and name == provider for pattern, name in _HOSTS)
    return f"https://{host}" if known else None


def _answer(
    exchange: ReadExchange,
    headers: RawHeaders,
    redacted: Redacted,
    operation: Operation,
    body: bytes,
    head_at: int,
    end_at: int,
) -> list[bytes]:
    assert exchange.status is not None
    head: ResponseHead = {
        "status": exchange.status,
        "headers": headers,
        "sent": 0,
        "made_here": False,
        "decoded": True,
    }
    events = [pack(Kind.RESPONSE, head_at, head)]
    for message in sorted(exchange.messages, key=lambda message: message.at_ms):
        kind = Kind.WS_CLIENT if message.by_client else Kind.WS_SERVER
        paths = operation.request if message.by_client else operation.response
        raw = clean_message(_bytes(message.data), redacted, paths)
        if raw is not None:
            text = raw.decode("utf-8", "replace") if isinstance(message.data, str) else raw
            events.append(pack(kind, _microseconds(message.at_ms), text))
    if body:
        events.append(pack(Kind.RESPONSE_BODY, end_at, body))
    return events


class _Clean:
    """A whole body without credentials."""

    def __init__(
        self,
        body: bytes,
        redacted: Redacted,
        paths: Paths,
        *,
        held: bool,
        is_request: bool = False,
        content_type: str = "",
    ) -> None:
        clean = CleanBody(
            redacted,
            paths,
            encoding=None,
            content_type=content_type.encode("utf-8", "replace"),
            held=held,
            is_request=is_request,
        )
        self.kept = clean.add(body).text + clean.end(whole=True).text
        self.changed = clean.changed
        self._left_out = clean.left_out
        self._body = body

    def end(self, size: int | None) -> BodyEnd:
        """What a capture says of it at its end; `size` on the wire, where that is known."""
        end: BodyEnd = {"bytes": len(self._body) if size is None or size < 0 else size}
        if self.changed:
            end["redacted"] = True
        if self._left_out is not None:
            end["left_out"] = self._left_out
            end["sha256"] = hashlib.sha256(self._body).digest()
        return end


def _id_of(exchange: ReadExchange) -> ObjectId:
    """An id made of the exchange itself, its time first as in every ObjectId: imported again, it is the same."""
    seconds = int(exchange.received.timestamp()) % 2**32
    digest = hashlib.blake2b(digest_size=8)
    for each in (exchange.received.isoformat(), exchange.method, exchange.host, exchange.target, exchange.status):
        digest.update(str(each).encode("utf-8", "replace") + b"\0")
    for body in (exchange.request, exchange.response, *(_bytes(message.data) for message in exchange.messages)):
        digest.update(hashlib.blake2b(body).digest())
    return ObjectId(seconds.to_bytes(4) + digest.digest())


def redacted_again(record: Record, with_: Importing) -> Record:
    """The record of a line that Gemtap has exported; credentials that somebody has put there are replaced."""
    document = record.document
    request, response = document["request"], document["response"]
    path = _bytes(request["path"])
    redacted = _redacted(_raw(_pairs(request["headers"])), _bytes(request["query"]), path, with_)
    operation = secrets_of(document["provider"]).of(path)
    status = response["status"] if response is not None else 0
    response_headers = _raw(_pairs(response["headers"])) if response is not None else []
    response_headers = redact_response_headers(response_headers, redacted)
    raw = {}
    changed = False
    for name, side, body in (("request", request, record.request_raw), ("response", response, record.response_raw)):
        is_request = name == "request"
        held = operation.held and (is_request or status < 400)
        paths = operation.request if is_request else operation.response
        raw[name] = _Clean(body, redacted, paths, held=held, is_request=is_request)
        if side is not None:
            # What was put together of a stream has a value of its own.
            value = _Clean(serialise(side["body"]), redacted, paths, held=False, is_request=is_request)
            if value.changed or raw[name].changed:
                side["body"], side["body_redacted"] = parse_body(value.kept).value, True
                changed = True
    if not redacted.found and not changed:
        return record
    request["headers"] = headers_of(redacted.headers)
    request["query"] = redacted.query.decode("utf-8", "replace")
    if response is not None:
        response["headers"] = headers_of(response_headers)
    return replace(
        record,
        document=_scrubbed(document, redacted),
        request_raw=raw["request"].kept,
        response_raw=raw["response"].kept,
    )


def _scrubbed(value: Any, redacted: Redacted) -> Any:
    """A document with no text in it that has a credential."""
    match value:
        case str():
            return redacted.clean(value)
        case dict():
            return {name: _scrubbed(item, redacted) for name, item in value.items()}
        case list():
            return [_scrubbed(item, redacted) for item in value]
        case _:
            return value


def _redacted(headers: RawHeaders, query: bytes, path: bytes, with_: Importing) -> Redacted:
    return redact_request(headers, query, with_.fingerprints, path_credentials=UNKNOWN.in_path(path))


def _pairs(headers: Headers) -> list[tuple[str, str]]:
    return [
        (name, value) for name, values in headers.items() for value in ([values] if isinstance(values, str) else values)
    ]


def _raw(headers: Sequence[tuple[str, str]]) -> RawHeaders:
    return [(_bytes(name.lower()), _bytes(value)) for name, value in headers if not name.startswith(":")]


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else header_bytes(text)


def _microseconds(milliseconds: float) -> int:
    return max(0, round(milliseconds * 1000))
