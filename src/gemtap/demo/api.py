"""The simulated Gemini API without a network: from one request to the script of its answer."""

from __future__ import annotations

import json
import re
from typing import Final
from urllib.parse import parse_qs, unquote

from gemtap.demo import answers, catalogue, errors
from gemtap.demo.conversation import member, objects
from gemtap.demo.embeddings import embedding
from gemtap.demo.errors import ApiError
from gemtap.demo.faults import FAULTS, error_of
from gemtap.demo.received import ReceivedRequest
from gemtap.demo.script import Script
from gemtap.demo.tokens import count_prompt, details
from gemtap.demo.wire import Answer, Form, error_script
from gemtap.interaction import Json

_PATH: Final = re.compile(r"/+(?P<version>v1|v1beta|v1alpha)/models(?:/(?P<model>[^/:]+)(?::(?P<operation>\w+))?)?")

_INVALID_KEY: Final = "invalid"


def respond(request: ReceivedRequest, pace: float) -> Script:
    """What to answer. `pace` is the seconds between the chunks of a stream."""
    path, _, raw_query = request.target.partition("?")
    query = {name: values[-1] for name, values in parse_qs(raw_query).items()}
    place = _PATH.fullmatch(unquote(path))
    operation = _operation(request.method, place)
    form = _form(operation, query)
    try:
        key = _credential(request, query)
        if place is None or operation is None:
            raise errors.not_found()
        if operation == "models.list":
            return Answer(form, [catalogue.page(query.get("pageSize", ""), query.get("pageToken", ""))]).script()
        model = place["model"]
        _refuse(model, place["version"], operation, key)
        messages = _messages(model, operation, request)
    except ApiError as error:
        return error_script(error.code, error.body, form)
    answer = Answer(form, messages, pace, integer_enums="enum-encoding=int" in unquote(raw_query))
    if model in FAULTS and operation in ("generateContent", "streamGenerateContent"):
        return FAULTS[model](answer)
    return answer.script()


def _operation(method: str, place: re.Match[str] | None) -> str | None:
    """What is asked; None for what this API does not have."""
    if place is None:
        return None
    if method == "POST":
        return place["operation"]
    if method == "GET" and place["operation"] is None:
        return "models.get" if place["model"] else "models.list"
    return None


def _form(operation: str | None, query: dict[str, str]) -> Form:
    if operation != "streamGenerateContent":
        return Form.DOCUMENT
    alt = query.get("alt") or query.get("$alt") or "json"
    return Form.SSE if alt.split(";")[0] == "sse" else Form.ARRAY


def _credential(request: ReceivedRequest, query: dict[str, str]) -> str:
    """The caller's key or token. Raises ApiError where there is none, or one that is known to be bad."""
    candidates = [
        *request.header_values("x-goog-api-key"),
        query.get("key", ""),
        # `Bearer TOKEN`, `Token TOKEN`
        *(value.rpartition(" ")[2] for value in request.header_values("authorization")),
    ]
    key = next(filter(None, candidates), None)
    if key is None:
        raise errors.unregistered_caller()
    if key == _INVALID_KEY:
        raise errors.invalid_key()
    return key


def _refuse(model: str, version: str, operation: str, key: str) -> None:
    """Raise the ApiError that is this model's answer to everything, or that there is no such model."""
    error = error_of(model, version=version, operation=operation, key=key)
    if error is not None:
        raise error
    if not catalogue.is_served(model):
        raise errors.model_not_found(model, version, operation)


def _messages(model: str, operation: str, request: ReceivedRequest) -> list[Json]:
    """The messages of the answer. Raises ApiError for a request that is not as it should be."""
    match operation:
        case "models.get":
            return [catalogue.describe(model)]
        case "generateContent" | "streamGenerateContent":
            return answers.generate(model, _with_contents(request), streamed=operation == "streamGenerateContent")
        case "countTokens":
            body = _json(request)
            tokens = count_prompt(member(body, "generateContentRequest") or body)
            return [{"totalTokens": tokens.total(), "promptTokensDetails": details(tokens)}]
        case "embedContent":
            return [{"embedding": embedding(model, _json(request))}]
        case "batchEmbedContents":
            requests = objects(member(_json(request), "requests"))
            return [{"embeddings": [embedding(model, one) for one in requests]}]
        case _:
            raise errors.not_found()


def _with_contents(request: ReceivedRequest) -> Json:
    if not request.body_is_whole:
        # Too large to have been kept: its size and digest stand for it, and still decide the answer.
        text = f"A request of {request.body_bytes} bytes with the SHA-256 {request.sha256}"
        return {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    body = _json(request)
    if not objects(member(body, "contents")):
        raise errors.invalid_argument("* GenerateContentRequest.contents: contents is not specified\n")
    return body


def _json(request: ReceivedRequest) -> Json:
    text = request.body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except json.JSONDecodeError as exc:
        raise errors.invalid_json(text, exc.pos) from exc
    except (ValueError, RecursionError) as exc:
        # Numbers of thousands of digits, brackets nested by the thousand.
        raise errors.invalid_json(text, 0) from exc
    if not isinstance(value, dict):
        raise errors.invalid_argument('Invalid JSON payload received. Unknown name "": Root element must be a message.')
    return value
