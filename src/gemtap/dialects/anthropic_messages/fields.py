"""What is read out of a request or response of the Messages API.

After https://platform.claude.com/docs/en/api/messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gemtap.dialects.common_fields import add_tokens
from gemtap.interaction import NO_TOKENS, Json, Tokens
from gemtap.json_access import as_dict, as_list, as_text, count

_NO_SETTINGS: Final = frozenset(
    {
        *("messages", "system", "tools", "prompt", "model", "stream", "metadata", "requests"),
        *("mcp_servers", "container", "anthropic_version", "anthropic_beta", "betas", "user_profile_id"),
    }
)
"""What is sent beside the settings: the content, the tools, how to answer, and whom it is for."""

_BILLED_BESIDE: Final = frozenset({"compaction", "advisor_message"})
"""Iterations whose tokens are not in the counts of the whole usage."""

_FALLBACK: Final = "fallback_message"
"""The iteration of the model that took over from one that declined."""


def read_settings(request: Json) -> Json:
    """The generation settings of a request: `max_tokens`, `temperature`, `thinking`, ... None if it has none."""
    fields = as_dict(request)
    return {name: value for name, value in fields.items() if name not in _NO_SETTINGS} or None


def usages(usage: Json) -> Iterator[dict[str, Json]]:
    """The usage, and those of its iterations that it does not include: compaction, and another model's advice.

    Where another model took over, each model's attempt stands for itself in place of the usage. One that was declined
    before it said anything is not billed: https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback.
    """
    fields = as_dict(usage)
    iterations = [as_dict(each) for each in as_list(fields.get("iterations"))]
    kinds = [as_text(each.get("type")) for each in iterations]
    if _FALLBACK in kinds:
        for iteration, kind in zip(iterations, kinds, strict=True):
            if kind == _FALLBACK:
                # Only the usage as a whole says how much of it was thinking.
                yield {**iteration, "output_tokens_details": fields.get("output_tokens_details")}
            elif kind in _BILLED_BESIDE or count(iteration.get("output_tokens")):
                yield iteration
        return
    yield fields
    yield from (each for each, kind in zip(iterations, kinds, strict=True) if kind in _BILLED_BESIDE)


def read_tokens(usage: Json) -> Tokens:
    """`usage` as token counts.

    Anthropic's `input_tokens` excludes what is read from a cache and written to one; here the input includes both.
    """
    return add_tokens([read_own_tokens(each) for each in usages(usage)])


def read_own_tokens(fields: dict[str, Json]) -> Tokens:
    """The token counts of a usage without its iterations."""
    fresh = count(fields.get("input_tokens"))
    cached = count(fields.get("cache_read_input_tokens"))
    written = count(fields.get("cache_creation_input_tokens"))
    if written is None and isinstance(fields.get("cache_creation"), dict):
        written = sum(count(each) or 0 for each in as_dict(fields["cache_creation"]).values())
    output = count(fields.get("output_tokens"))
    reasoning = count(as_dict(fields.get("output_tokens_details")).get("thinking_tokens"))
    if output is not None and reasoning is not None:
        reasoning = min(reasoning, output)
        output -= reasoning
    known = [each for each in (fresh, cached, written) if each is not None]
    given = sum(known) if known else None
    return {
        **NO_TOKENS,
        "input": given,
        "cached": cached,
        "cache_write": written,
        "output": output,
        "reasoning": reasoning,
        "total": given + output + (reasoning or 0) if given is not None and output is not None else None,
    }


def hour_long_writes(fields: dict[str, Json]) -> int:
    """How many of the tokens written to a cache stay there for an hour, which costs more than five minutes."""
    return count(as_dict(fields.get("cache_creation")).get("ephemeral_1h_input_tokens")) or 0


def priced_apart(usage: Json) -> dict[str, int]:
    """Tokens that have prices of their own, by the name that genai-prices has for them."""
    number = sum(map(hour_long_writes, usages(usage)))
    return {"cache_write_1h_tokens": number} if number else {}
