"""What the readers of Google's APIs have in common."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from gemtap.dialects.gemini_content.batches import RESULTS
from gemtap.dialects.openai_chat.batches import RESULTS as OPENAI_RESULTS
from gemtap.interaction import Cost
from gemtap.providers.google.billing import price
from gemtap.providers.reader import Bill, Reader

MAKERS: Final = {"": "google", "models": "google", "publishers/google/models": "google"}
"""What stands before the last slash of the name of a model of Google's."""

BILLED: Final = frozenset(
    {
        *("generateContent", "streamGenerateContent", "generateAnswer", "embedContent", "batchEmbedContents"),
        *("predict", "predictLongRunning", "rawPredict", "streamRawPredict", "serverStreamingPredict"),
        *("bidiGenerateContent", "bidiGenerateContentConstrained", "bidiGenerateMusic"),
        *("interactions.create", "interactions.live", "decisions.create", "cachedContents.create"),
        *("openai.chat.completions", "openai.completions", "openai.embeddings", "openai.responses"),
        *("openai.images.generations", "openai.images.edits", "openai.videos", "openai.audio.speech"),
    }
)
"""Operations whose tokens are counted. Everything else looks something up, or counts tokens free of charge."""

TOLD_LATER: Final = frozenset({"interactions.get", "interactions.cancel"})
"""A run in the background reports its usage to whoever asks for it when it has ended."""


BATCH_RESULTS: Final = RESULTS | {OPENAI_RESULTS}
"""Gemini's own, and those of its OpenAI-compatible paths."""


class GoogleReader(Reader):
    """A reader of one of Google's APIs, which bill the same things."""

    billed = BILLED
    told_later = TOLD_LATER
    batch_results = BATCH_RESULTS

    def price(self, bill: Bill) -> Cost | None:
        """By Google's price lists: tokens by modality and service tier, grounding, storage of caches, images."""
        if self.by_subscription or not self.is_billed(bill.operation):
            return None
        return price(bill, self.named(bill))


# The endpoint of endpoints/ID/chat/completions stays: its model is in the body.
_MODEL: Final = re.compile(r"(?<=/models/)[^/:?]+|(?<=/tunedModels/)[^/:?]+|(?<=/endpoints/)[^/:?]+(?=:)")


def with_model(path: str, model: str) -> str | None:
    """The raw path with another model in place of the one that it names; None where it names none."""
    found = _MODEL.search(path)
    if found is None:
        return None
    return path[: found.start()] + quote(model.rpartition("/")[2], safe="-._~@") + path[found.end() :]
