"""The request of a replay: the recorded one with changes, without headers specific to the original sender."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from gemtap import __version__
from gemtap.addresses import mask, origin_of
from gemtap.body import parse_body, serialise
from gemtap.capture.events import RawHeaders
from gemtap.conversation.text_tools import with_arguments
from gemtap.dialects.writing import Prompt
from gemtap.faults import not_one_of
from gemtap.interaction import Interaction, Json
from gemtap.providers import routing
from gemtap.providers.declared_secrets import UNKNOWN
from gemtap.providers.documents import conversation_of, path_with_model, write_for
from gemtap.providers.registry import PROVIDERS

_LEFT_OUT: Final = frozenset(
    {
        # identity of the sender
        *(name.decode("ascii") for name in UNKNOWN.headers),
        # properties of the connection and the body, which are set again
        *("host", "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
        *("content-length", "content-encoding", "accept-encoding", "expect", "origin", "referer", "user-agent"),
    }
)
_USER_AGENT: Final = (b"user-agent", f"gemtap/{__version__} (replay)".encode())

_LEFT_OUT_PREFIXES: Final = ("sec-", "x-forwarded-")


class CannotReplay(ValueError):
    """The request cannot be replayed. One line: why, and what to do."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes to the original request."""

    model: str | None = None
    upstream: str | None = None
    """An origin, optionally with a path prefix."""
    provider: str | None = None
    """The provider that is asked instead, with a model of its own."""
    values: Mapping[str, Json] = field(default_factory=dict)
    """New values by path in the body, such as `generationConfig.temperature`."""


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """A complete request, except for its key."""

    method: str
    provider: str
    upstream: str
    path: bytes
    """Raw, as the upstream expects it."""
    query: bytes
    headers: RawHeaders
    body: bytes
    replay_of: str
    lost: tuple[str, ...] = ()
    """What could not be carried over to another provider."""


def request_of(document: Interaction, raw: bytes, changes: Changes, upstreams: Mapping[str, str]) -> ReplayRequest:
    """Build the request to replay an interaction; `raw` is the exact body. Raises CannotReplay."""
    _check(document)
    if changes.provider is not None and changes.provider != document["provider"]:
        return request_elsewhere(document, changes, upstreams)
    recorded = document["request"]
    path, body, model_changed = recorded["path"], raw, changes.model is None
    if changes.model is not None and (renamed := path_with_model(document["provider"], path, changes.model)):
        path, model_changed = renamed, True
    if changes.values or changes.model is not None:
        body, in_body = _changed(raw, changes)
        model_changed = model_changed or in_body
    if not model_changed:
        raise CannotReplay("Neither its path nor its body names a model, so --model has nothing to change.")
    route = routing.match_recorded(document["provider"], path.encode("utf-8"))
    upstream = changes.upstream or routing.origin_of(route, upstreams)
    if route is None or upstream is None:
        raise CannotReplay(f"Unknown path {path}.")
    if changes.upstream is None:
        _check_upstream(document, upstream)
    return ReplayRequest(
        method=recorded["method"],
        provider=route.provider,
        upstream=upstream.rstrip("/"),
        path=route.path,
        query=_without_secrets(recorded["query"].encode("utf-8")),
        headers=[*_kept(document), _USER_AGENT],
        body=body,
        replay_of=str(document["_id"]),
    )


def request_elsewhere(document: Interaction, changes: Changes, upstreams: Mapping[str, str]) -> ReplayRequest:
    """The request that asks another provider for the same, in its own shape. Raises CannotReplay."""
    name = changes.provider or ""
    provider = PROVIDERS.get(name)
    if provider is None:
        raise CannotReplay(f"Bad provider: {not_one_of(name, PROVIDERS)}")
    if not changes.model:
        raise CannotReplay(f"A model of {provider.wire.title} is needed with another provider: give --model.")
    conversation = conversation_of(document)
    if conversation is None or conversation.is_session or not conversation.prompt:
        raise CannotReplay("It is not a conversation, so it cannot be sent to another API.")
    prompt = Prompt(with_arguments(conversation), changes.model, document["streaming"], document["generation_settings"])
    written = write_for(name, prompt)
    route = None
    if written is not None:
        route = routing.match(f"/{provider.wire.prefix}{written.path}".encode())
    upstream = changes.upstream or routing.origin_of(route, upstreams)
    if written is None or route is None or upstream is None:
        raise CannotReplay(f"Gemtap cannot write requests for {provider.wire.title}.")
    for path, value in changes.values.items():
        _set(written.body, path.split("."), value, path)
    return ReplayRequest(
        method="POST",
        provider=name,
        upstream=upstream.rstrip("/"),
        path=route.path,
        query=written.query.encode(),
        headers=[
            (b"content-type", b"application/json"),
            *((name.encode(), value.encode()) for name, value in written.headers),
            _USER_AGENT,
        ],
        body=serialise(written.body),
        replay_of=str(document["_id"]),
        lost=written.lost,
    )


def _check_upstream(document: Interaction, upstream: str) -> None:
    """What was sent to one host goes to another, together with a key, only if somebody says so."""
    recorded = document.get("upstream")
    if recorded is not None and recorded != origin_of(upstream):
        name = PROVIDERS[document["provider"]].wire.title if document["provider"] in PROVIDERS else "its API"
        raise CannotReplay(
            f"It was sent to {recorded}, but requests of {name} now go to {mask(upstream)}. "
            f"Choose where to send it: gemtap replay {document['_id']} --upstream URL"
        )


def _check(document: Interaction) -> None:
    request, response = document["request"], document["response"]
    if response is not None and response["status"] == 101:
        raise CannotReplay("It was a WebSocket session, which cannot be replayed.")
    if request.get("body_truncated"):
        raise CannotReplay("Only the beginning of its request was stored (capture_max_body).")
    if request.get("body_redacted"):
        raise CannotReplay(
            "Parts of its request were redacted: a credential, or matches of redact_patterns or redact_known_secrets."
        )
    length = request["headers"].get("content-length")
    if isinstance(length, str) and length.isdigit() and int(length) != request["body_bytes"]:
        raise CannotReplay("Its request is incomplete.")


def _changed(raw: bytes, changes: Changes) -> tuple[bytes, bool]:
    """The body with its changes, and whether it contains the model."""
    parsed = parse_body(raw)
    if not isinstance(parsed.value, dict) or not parsed.is_json or parsed.incomplete:
        if changes.values:
            raise CannotReplay("Its body is not a JSON object, so --set has nothing to change.")
        return raw, False
    body: dict[str, Any] = parsed.value
    names_model = changes.model is not None and isinstance(body.get("model"), str)
    if names_model:
        body["model"] = changes.model
    for path, value in changes.values.items():
        _set(body, path.split("."), value, path)
    return (serialise(body) if names_model or changes.values else raw), names_model


def _set(value: Any, names: Sequence[str], new: Json, path: str) -> None:
    for position, name in enumerate(names):
        is_last = position == len(names) - 1
        if isinstance(value, list):
            if not name.isdigit() or int(name) >= len(value):
                raise CannotReplay(f"--set {path}: there is no place {name} in that list.")
            if is_last:
                value[int(name)] = new
            else:
                value = value[int(name)]
        elif isinstance(value, dict):
            if is_last:
                value[name] = new
            else:
                value = value.setdefault(name, {})
        else:
            raise CannotReplay(f"--set {path}: {'.'.join(names[:position])} is neither an object nor a list.")


def value_of(text: str) -> Json:
    """Parse the value of `--set NAME=VALUE`: JSON if it is valid JSON, else text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _kept(document: Interaction) -> RawHeaders:
    return [
        (name.encode("utf-8"), value.encode("utf-8"))
        for name, values in document["request"]["headers"].items()
        if name not in _LEFT_OUT and not name.startswith(_LEFT_OUT_PREFIXES)
        for value in ([values] if isinstance(values, str) else values)
        # The placeholder of a redacted secret is useless.
        if "[redacted:" not in value
    ]


def _without_secrets(query: bytes) -> bytes:
    parts = query.split(b"&") if query else []
    return b"&".join(
        part
        for part in parts
        if unquote_to_bytes(part.partition(b"=")[0]).lower() not in UNKNOWN.queries | UNKNOWN.signatures
    )
