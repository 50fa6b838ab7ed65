"""The methods of models, which the Gemini API and Vertex AI have at different paths."""

from __future__ import annotations

from gemtap.providers.google.simulated.api import Surface
from gemtap.providers.google.simulated.surfaces import batches, generation, media


def model_routes(model: str) -> list[tuple[str, str, Surface]]:
    """Routes of a model at the paths that match this pattern, which has a group `model`."""
    return [
        ("GET", model, generation.get_model),
        ("POST", rf"{model}:(?P<operation>generateContent|streamGenerateContent)", generation.generate_content),
        ("POST", rf"{model}:countTokens", generation.count_tokens),
        ("POST", rf"{model}:embedContent", generation.embed_content),
        ("POST", rf"{model}:batchEmbedContents", generation.batch_embed_contents),
        ("POST", rf"{model}:batchGenerateContent", batches.create),
        ("POST", rf"{model}:predict", media.predict),
        ("POST", rf"{model}:predictLongRunning", media.predict_long_running),
    ]
