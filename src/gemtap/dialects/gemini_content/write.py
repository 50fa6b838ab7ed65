"""Writes a conversation as a request for generated content."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from gemtap.conversation.model import Call, Media, Message, Text
from gemtap.conversation.schemas import to_json_schema
from gemtap.dialects.writing import Prompt, Writing, Written
from gemtap.interaction import Json

_SETTINGS: Final = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "stop": "stopSequences",
    "max_tokens": "maxOutputTokens",
}
_MEDIA: Final = ("image/", "audio/", "video/", "application/pdf", "text/")

_NEEDS_SIGNATURES: Final = "gemini-3"
_NO_SIGNATURE: Final = "skip_thought_signature_validator"
"""For calls of another model: https://ai.google.dev/gemini-api/docs/thought-signatures."""


def write(prompt: Prompt) -> Written:
    """The request. Its path is `/v1beta/models/MODEL:...`."""
    writing = Writing(prompt)
    conversation = prompt.conversation
    contents = []
    for number, message in writing.messages():
        parts = _parts(writing, number, message)
        if parts:
            contents.append({"role": "model" if message.role == "model" else "user", "parts": parts})
    body: dict[str, Any] = {"contents": contents}
    if conversation.system is not None:
        body["systemInstruction"] = {"parts": [{"text": conversation.system}]}
    if conversation.tools:
        declared = [_declaration(each.name, each.description, each.parameters) for each in conversation.tools]
        body["tools"] = [{"functionDeclarations": declared}]
    if settings := writing.settings(_SETTINGS):
        if isinstance(settings.get("stopSequences"), str):
            settings["stopSequences"] = [settings["stopSequences"]]
        body["generationConfig"] = settings
    model = f"/v1beta/models/{quote(prompt.model.removeprefix('models/'), safe='-._~@')}"
    if prompt.streaming:
        return writing.finish(f"{model}:streamGenerateContent", body, "alt=sse")
    return writing.finish(f"{model}:generateContent", body)


def _parts(writing: Writing, number: int, message: Message) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    signed = not writing.prompt.model.startswith(_NEEDS_SIGNATURES)
    for part in message.parts:
        match part:
            case Text(text):
                found.append({"text": text})
            case Media() if writing.inline(part, _MEDIA):
                found.append(_medium(part))
            case Call(name, arguments):
                signature = {} if signed else {"thoughtSignature": _NO_SIGNATURE}
                signed = True
                found.append({"functionCall": {"name": name, "args": _as_object(arguments)}, **signature})
    for result, (of, index) in writing.results(number, message):
        call = writing.prompt.conversation.prompt[of].parts[index]
        name = result.name or (call.name if isinstance(call, Call) else "")
        found.append({"functionResponse": {"name": name, "response": _as_object(result.content)}})
        found += [_medium(media) for media in result.media if writing.inline(media, _MEDIA)]
    return found


def _medium(media: Media) -> dict[str, Any]:
    return {"inlineData": {"mimeType": media.kind, "data": media.standard_base64}}


def _as_object(value: Json) -> Json:
    """Arguments and results are objects here."""
    return value if isinstance(value, dict) else {"result": value}


def _declaration(name: str, description: str | None, parameters: Json) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name}
    if description is not None:
        found["description"] = description
    if parameters is not None:
        found["parametersJsonSchema"] = to_json_schema(parameters)
    return found
