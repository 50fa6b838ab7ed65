"""Embeddings: unit vectors that depend only on the text."""

from __future__ import annotations

import hashlib
import json
from math import hypot
from random import Random
from typing import Final

from gemtap.interaction import Json
from gemtap.providers.google.simulated.conversation import member

_DIMENSIONS: Final = {"gemini-embedding-001": 3072}
_USUAL_DIMENSIONS: Final = 768
_MOST_DIMENSIONS: Final = 3072


def embedding(model: str, request: Json) -> Json:
    """The ContentEmbedding of an EmbedContentRequest."""
    wanted = member(request, "outputDimensionality")
    dimensions = wanted if isinstance(wanted, int) and wanted > 0 else _DIMENSIONS.get(model, _USUAL_DIMENSIONS)
    seed = hashlib.sha256(json.dumps(member(request, "content"), sort_keys=True).encode("ascii")).digest()
    rng = Random(seed)  # noqa: S311 - an embedding, not a secret
    direction = [rng.gauss(0, 1) for _ in range(min(dimensions, _MOST_DIMENSIONS))]
    length = hypot(*direction)
    # Google's values are 32-bit floats, for which eight digits are enough.
    return {"values": [float(f"{value / length:.8g}") for value in direction]}
