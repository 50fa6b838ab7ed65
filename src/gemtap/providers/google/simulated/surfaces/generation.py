"""Models and their methods: generate, count tokens, embed. Also used for Vertex AI's paths."""

from __future__ import annotations

from collections.abc import Sequence

from gemtap.interaction import Json
from gemtap.providers.google.simulated import answers, catalogue, errors, wire
from gemtap.providers.google.simulated.call import Call
from gemtap.providers.google.simulated.conversation import member, objects
from gemtap.providers.google.simulated.embeddings import embedding
from gemtap.providers.google.simulated.faults import FAULTS, error_of
from gemtap.providers.google.simulated.tokens import count_prompt, details
from gemtap.providers.google.simulated.wire import Answer, Form, Shape
from gemtap.providers.google.simulated.world import World
from gemtap.simulation.script import Script


def list_models(call: Call, world: World) -> Script:
    """A ListModelsResponse."""
    return wire.plain(catalogue.page(call.query.get("pageSize", ""), call.query.get("pageToken", "")))


def get_model(call: Call, world: World) -> Script:
    """A Model."""
    refuse(call, call.names["model"], "models.get")
    return wire.plain(catalogue.describe(call.names["model"]))


def generate_content(call: Call, world: World) -> Script:
    """`generateContent`, `streamGenerateContent`."""
    model = call.names["model"]
    refuse(call, model, call.names["operation"])
    request, cached = _with_cached_content(_request(call), world)

    def shape(messages: Sequence[Json]) -> list[Json]:
        told = [_with_cached_tokens(message, cached) for message in messages] if cached else messages
        return wire.integer_enums(told) if "enum-encoding=int" in call.alt else list(told)

    return answer(call, model, request, call.form, shape)


def answer(call: Call, model: str, request: Json, form: Form, shape: Shape) -> Script:
    """The model's response to a request, in the format and shape of an API."""
    messages = answers.generate(model, request, streamed=form is not Form.DOCUMENT)
    right = Answer(form, messages, call.pace, shape)
    return FAULTS[model](right) if model in FAULTS else right.script()


def count_tokens(call: Call, world: World) -> Script:
    """A CountTokensResponse."""
    refuse(call, call.names["model"], "countTokens")
    body = call.json()
    return wire.plain(counted(member(body, "generateContentRequest") or body))


def counted(request: Json) -> Json:
    """The number of tokens of a GenerateContentRequest, as a CountTokensResponse."""
    tokens = count_prompt(request)
    return {"totalTokens": tokens.total(), "promptTokensDetails": details(tokens)}


def embed_content(call: Call, world: World) -> Script:
    """An EmbedContentResponse."""
    model = call.names["model"]
    refuse(call, model, "embedContent")
    return wire.plain({"embedding": embedding(model, call.json())})


def batch_embed_contents(call: Call, world: World) -> Script:
    """A BatchEmbedContentsResponse."""
    model = call.names["model"]
    refuse(call, model, "batchEmbedContents")
    requests = objects(member(call.json(), "requests"))
    return wire.plain({"embeddings": [embedding(model, one) for one in requests]})


def refuse(call: Call, model: str, operation: str) -> None:
    """Raise ApiError if the model always fails or does not exist."""
    version = call.names.get("version", "v1beta")
    error = error_of(model, version=version, operation=operation, key=call.credential())
    if error is not None:
        raise error
    if not catalogue.is_served(model):
        raise errors.model_not_found(model, version, operation)


def _request(call: Call) -> Json:
    received = call.received
    if not received.body_is_whole:
        # The body was too large to keep: its size and hash replace it, and still determine the response.
        text = f"A request of {received.body_bytes} bytes with the SHA-256 {received.sha256}"
        return {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    body = call.json()
    if not objects(member(body, "contents")):
        raise errors.invalid_argument("* GenerateContentRequest.contents: contents is not specified\n")
    return body


def _with_cached_content(request: Json, world: World) -> tuple[Json, int]:
    """The request with its cached content prepended, and the number of tokens of that content."""
    name = member(request, "cachedContent")
    if not name:
        return request, 0
    cache = world.resources["cachedContents"].get(name)
    if cache is None:
        raise errors.permission_denied("CachedContent not found (or permission denied)")
    contents = [*objects(member(cache, "contents")), *objects(member(request, "contents"))]
    preamble = {key: cache[key] for key in ("systemInstruction", "tools", "toolConfig") if key in cache}
    return {**request, **preamble, "contents": contents}, count_prompt(cache).total()


def _with_cached_tokens(message: Json, cached: int) -> Json:
    return {**message, "usageMetadata": {**message["usageMetadata"], "cachedContentTokenCount": cached}}
