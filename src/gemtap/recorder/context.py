"""Estimates the origins of input tokens from the characters of each part, since no API reports them.

Media alone are counted by some APIs; where they are not, an image's worth is taken for each. What remains of the input
tokens is shared out among the rest by characters, which is fair as long as all of it takes about as many characters a
token. The parts add up to the input tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, cast

from gemtap.conversation.added import after_the_model
from gemtap.conversation.model import (
    Aside,
    Call,
    Conversation,
    Grounding,
    Media,
    Message,
    Other,
    Part,
    Result,
    Text,
    Thought,
    Tool,
)
from gemtap.interaction import Context, Json, Tokens
from gemtap.reuse import computed_once

_OF_AN_IMAGE: Final = 258
"""Tokens: https://ai.google.dev/gemini-api/docs/tokens#multimodal-tokens."""

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Share = Literal["system", "tools", "results", "history", "new"]


def context_of(conversation: Conversation, tokens: Tokens, media_tokens: int | None) -> Context | None:
    """The estimate; None where the input tokens are not known, or nothing is there that they could be of.

    `media_tokens` is the API's own count; None if it did not count them.
    """
    total = tokens["input"]
    if total is None:
        return None
    # The content of a cache is not in the request, and its share of media is unknown.
    cached = min(total, tokens["cached"] or 0) if conversation.cache is not None else 0
    contents = [_content_of(message) for message in conversation.prompt]
    estimated = _estimated_media_tokens(conversation, contents) if media_tokens is None else media_tokens
    media = min(total - cached, estimated)
    sizes = _sizes(conversation, contents)
    if not any(sizes.values()):
        if not media:
            return None
        media = total - cached
    shares = _shared_out(total - cached - media, sizes)
    return cast(Context, {"media": media, **shares, "history": shares["history"] + cached})


class _Content(NamedTuple):
    """What the estimate needs to know of a message."""

    results: int
    """Characters of the results of tools."""
    others: int
    """Characters of its other parts."""
    media: int
    """Number of images and other media."""


@computed_once
def _content_of(message: Message) -> _Content:
    results = sum(_size(part) for part in message.parts if isinstance(part, Result))
    others = sum(_size(part) for part in message.parts if not isinstance(part, Result))
    return _Content(results, others, sum(map(_number_of_media, message.parts)))


def _sizes(conversation: Conversation, contents: Sequence[_Content]) -> dict[Share, int]:
    """Characters of each part. `contents` are those of the messages of the prompt."""
    fresh_from = after_the_model(conversation)
    return {
        "system": len(conversation.system or ""),
        "tools": sum(map(_size_of_tool, conversation.tools)),
        "results": sum(each.results for each in contents),
        "history": sum(each.others for each in contents[:fresh_from]),
        "new": sum(each.others for each in contents[fresh_from:]),
    }


def _size(part: Part) -> int:
    match part:
        case Text(text) | Thought(text):
            return len(text)
        case Call(name, arguments):
            return len(name) + _size_of_json(arguments)
        case Result(content, name):
            return len(name or "") + (len(content) if isinstance(content, str) else _size_of_json(content))
        case Other(_, value):
            return _size_of_json(value)
        case Media() | Grounding() | Aside():
            return 0


@computed_once
def _size_of_tool(tool: Tool) -> int:
    return len(tool.name) + len(tool.description or "") + _size_of_json(tool.parameters)


def _size_of_json(value: Json) -> int:
    return 0 if value is None else len(_encode(value))


def _estimated_media_tokens(conversation: Conversation, contents: Sequence[_Content]) -> int:
    """An image's for each."""
    return _OF_AN_IMAGE * sum(
        content.media
        for message, content in zip(conversation.prompt, contents, strict=True)
        # Words that were spoken stand beside their sound.
        if not (conversation.is_session and any(isinstance(part, Text) for part in message.parts))
    )


def _number_of_media(part: Part) -> int:
    return len(part.media) if isinstance(part, Result) else int(isinstance(part, Media))


def _shared_out(tokens: int, sizes: Mapping[Share, int]) -> dict[Share, int]:
    """The tokens in proportion to the sizes, to the last one: those that rounding leaves go where most was cut off."""
    whole = sum(sizes.values()) or 1
    shares = {name: tokens * size // whole for name, size in sizes.items()}
    cut_off = sorted(sizes, key=lambda name: tokens * sizes[name] % whole, reverse=True)
    for name in cut_off[: tokens - sum(shares.values())]:
        shares[name] += 1
    return shares
