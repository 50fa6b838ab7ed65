"""Counts tokens roughly as Gemini does: one per four bytes of text, 258 per image."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from gemtap.interaction import Json
from gemtap.providers.google.simulated.conversation import Conversation, member, objects, parts

BYTES_A_TOKEN = 4
TOKENS_A_FILE = 258
"""Gemini's count for an image of up to 384 pixels, used here for any file."""

CACHED_AT_LEAST = 1_024
"""Minimum length of a prefix in Gemini's implicit cache, in tokens."""


def count(text: str) -> int:
    """Number of tokens of a text."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN)


def count_contents(*contents: Json) -> Counter[str]:
    """Number of tokens of contents, by modality."""
    tokens: Counter[str] = Counter()
    for content in contents:
        for part in parts(content):
            file = member(part, "inlineData") or member(part, "fileData")
            if isinstance(part.get("text"), str):
                tokens["TEXT"] += count(part["text"])
            elif file:
                tokens[_modality(str(member(file, "mimeType")))] += TOKENS_A_FILE
            else:
                tokens["TEXT"] += count(json.dumps(part))
    return tokens


def _modality(mime_type: str) -> str:
    kind = mime_type.partition("/")[0].upper()
    return kind if kind in ("IMAGE", "AUDIO", "VIDEO", "TEXT") else "DOCUMENT"


def count_prompt(request: Json) -> Counter[str]:
    """Number of tokens of a whole GenerateContentRequest, by modality."""
    return _count_preamble(request) + count_contents(*objects(member(request, "contents")))


def _count_preamble(request: Json) -> Counter[str]:
    tools = member(request, "tools")
    tokens = count_contents(member(request, "systemInstruction"))
    tokens["TEXT"] += count(json.dumps(tools)) if tools else 0
    return tokens


def details(tokens: Counter[str]) -> list[Json]:
    """Tokens by modality as Google lists them."""
    return [{"modality": modality, "tokenCount": tokens[modality]} for modality in sorted(tokens, reverse=True)]


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of the prompt and the thoughts."""

    prompt: Counter[str]
    cached: int
    thoughts: int

    @classmethod
    def of(cls, request: Json, conversation: Conversation, thoughts: int) -> Usage:
        """The usage of a request. The contents of earlier turns count as cached if they are long enough."""
        earlier = conversation.earlier
        prefix = (_count_preamble(request) + count_contents(*earlier)).total() if earlier else 0
        return cls(count_prompt(request), prefix if prefix >= CACHED_AT_LEAST else 0, thoughts)

    def metadata(self, candidates: int, *, finished: bool) -> Json:
        """`usageMetadata` after `candidates` output tokens. Cached tokens appear only at the end, as with Gemini."""
        prompt = self.prompt.total()
        cached = self.cached if finished else 0
        optional = {
            "candidatesTokenCount": candidates,
            "totalTokenCount": prompt + candidates + self.thoughts,
            "cachedContentTokenCount": cached,
            "promptTokensDetails": details(self.prompt),
            "cacheTokensDetails": details(Counter(TEXT=cached)) if cached else None,
            "thoughtsTokenCount": self.thoughts,
        }
        present = {name: value for name, value in optional.items() if value}
        return {"promptTokenCount": prompt, **present, "serviceTier": "standard"}
