"""Counting tokens, roughly as Gemini does: four bytes of text make one, an image 258."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from gemtap.demo.conversation import Conversation, member, objects, parts
from gemtap.interaction import Json

BYTES_A_TOKEN = 4
TOKENS_A_FILE = 258
"""What Gemini counts for an image of up to 384 pixels; here for any file."""

CACHED_AT_LEAST = 1_024
"""Gemini's implicit cache holds no prefix shorter than this."""


def count(text: str) -> int:
    """The tokens of a text."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN)


def count_contents(*contents: Json) -> Counter[str]:
    """The tokens of some contents, by modality."""
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
    """The tokens of everything that a GenerateContentRequest says, by modality."""
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
    """What the prompt and the thoughts of an answer cost."""

    prompt: Counter[str]
    cached: int
    thoughts: int

    @classmethod
    def of(cls, request: Json, conversation: Conversation, thoughts: int) -> Usage:
        """The usage of a request. What an earlier turn had brought is cached, once that is long enough."""
        earlier = conversation.earlier
        prefix = (_count_preamble(request) + count_contents(*earlier)).total() if earlier else 0
        return cls(count_prompt(request), prefix if prefix >= CACHED_AT_LEAST else 0, thoughts)

    def metadata(self, candidates: int, *, finished: bool) -> Json:
        """`usageMetadata` after so many tokens of the answer. The cache shows at the end, as it may with Gemini."""
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
