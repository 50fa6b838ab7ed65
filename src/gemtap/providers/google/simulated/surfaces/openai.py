"""The OpenAI-compatible paths, `/v1beta/openai/...`: https://ai.google.dev/gemini-api/docs/openai."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Sequence
from functools import partial

from gemtap.interaction import Json
from gemtap.providers.google.simulated import catalogue, errors, wire
from gemtap.providers.google.simulated.call import Call
from gemtap.providers.google.simulated.conversation import member, objects
from gemtap.providers.google.simulated.embeddings import embedding
from gemtap.providers.google.simulated.openai_shapes import chunks, completion, request_of
from gemtap.providers.google.simulated.surfaces.generation import answer, refuse
from gemtap.providers.google.simulated.wire import Form
from gemtap.providers.google.simulated.world import World
from gemtap.simulation.script import Script


def chat_completions(call: Call, world: World) -> Script:
    """`chat/completions`, streamed or not."""
    body = call.json()
    model = _model(call, body, "generateContent")
    if not objects(body.get("messages")):
        raise errors.invalid_argument("* GenerateContentRequest.contents: contents is not specified\n")
    created = int(world.clock().timestamp())
    if not body.get("stream"):
        return answer(call, model, request_of(body), Form.DOCUMENT, partial(_each, created))
    with_usage = bool(member(body.get("stream_options"), "include_usage"))
    return answer(
        call, model, request_of(body), Form.OPENAI_SSE, partial(chunks, created=created, with_usage=with_usage)
    )


def _each(created: int, messages: Sequence[Json]) -> list[Json]:
    return [completion(message, created) for message in messages]


def list_models(call: Call, world: World) -> Script:
    """All models."""
    listed = catalogue.page("", "")["models"]
    return wire.plain({"object": "list", "data": [_described(model["name"]) for model in listed]})


def get_model(call: Call, world: World) -> Script:
    """One model."""
    model = call.names["model"]
    refuse(call, model, "models.get")
    return wire.plain(_described(f"models/{model}"))


def embeddings(call: Call, world: World) -> Script:
    """`embeddings` of a text or a list of texts, as numbers or in base64, which OpenAI's SDK requests."""
    body = call.json()
    model = _model(call, body, "embedContent")
    asked = body.get("input")
    made = [
        embedding(model, {"content": {"parts": [{"text": text}]}, "outputDimensionality": body.get("dimensions")})
        for text in (asked if isinstance(asked, list) else [asked])
    ]
    in_base64 = body.get("encoding_format") == "base64"
    items = [
        {"object": "embedding", "index": at, "embedding": _base64(one["values"]) if in_base64 else one["values"]}
        for at, one in enumerate(made)
    ]
    return wire.plain({"object": "list", "data": items, "model": model})


def _base64(values: list[float]) -> str:
    return base64.b64encode(array("f", values).tobytes()).decode("ascii")


def _model(call: Call, body: Json, operation: str) -> str:
    model = str(body.get("model", "")).removeprefix("models/")
    refuse(call, model, operation)
    return model


def _described(name: str) -> Json:
    return {"id": name, "object": "model", "owned_by": "google", "display_name": name.removeprefix("models/")}
