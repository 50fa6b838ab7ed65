"""Prompt caching of the simulated API: what was marked with `cache_control` is read back when it is sent again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list

_LETTERS_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class _Block:
    text: str
    lifetime: str | None
    """That of the cache that ends with this block; None where none does."""


class PromptCache:
    """The prefixes of prompts that are cached. They never expire."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()

    def usage(self, request: dict[str, Json]) -> dict[str, Any]:
        """The input part of the usage of this request, whose marked prefixes are cached from now on."""
        digest = hashlib.sha256()
        tokens = read = written = hour_long = 0
        for block in _blocks(request):
            digest.update(block.text.encode())
            tokens += max(1, len(block.text) // _LETTERS_A_TOKEN)
            if block.lifetime is None:
                continue
            key = digest.digest()
            if key in self._known:
                read, written, hour_long = tokens, 0, 0
            else:
                hour_long += (tokens - read - written) * (block.lifetime == "1h")
                written = tokens - read
                self._known.add(key)
        return {
            "input_tokens": tokens - read - written,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": written - hour_long,
                "ephemeral_1h_input_tokens": hour_long,
            },
        }


def count_tokens(request: dict[str, Json]) -> int:
    """The input tokens of a request."""
    return sum(max(1, len(block.text) // _LETTERS_A_TOKEN) for block in _blocks(request))


def _blocks(request: dict[str, Json]) -> Iterator[_Block]:
    """Everything that the model reads, in the order of caching: tools, system prompt, messages."""
    for tool in as_list(request.get("tools")):
        yield _block(tool)
    yield from _content(request.get("system"))
    for message in as_list(request.get("messages")):
        yield from _content(as_dict(message).get("content"))


def _content(content: Json) -> Iterator[_Block]:
    if isinstance(content, str):
        yield _Block(json.dumps({"text": content, "type": "text"}), None)
    for block in as_list(content):
        yield _block(block)


def _block(block: Json) -> _Block:
    fields = dict(as_dict(block))
    control = fields.pop("cache_control", None)
    lifetime = str(as_dict(control).get("ttl") or "5m") if control is not None else None
    return _Block(json.dumps(fields, sort_keys=True), lifetime)
