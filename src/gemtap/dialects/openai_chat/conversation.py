"""OpenAI's side: the messages of chat completions, as every gateway and local server speaks them too.

After https://platform.openai.com/docs/api-reference/chat/create.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gemtap.conversation.model import (
    UNKNOWN_TYPE,
    Aside,
    BuiltInTool,
    Call,
    Conversation,
    Grounding,
    Media,
    Message,
    Other,
    Part,
    Result,
    Role,
    Source,
    Text,
    Thought,
    Tool,
)
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, json_or_text, one_or_many
from gemtap.reuse import read_once

_SYSTEM: Final = ("system", "developer")
_FORMS: Final = {"anthropic-": "anthropic_messages", "google-": "gemini_content", "openai-": "openai_responses"}
"""What OpenRouter calls the forms of encrypted thoughts, by the beginning, and whose dialects they are of."""


def read(request: Json, response: Json) -> Conversation:
    """The conversation of a chat completion. Only the first choice counts."""
    fields = as_dict(request)
    said = [as_dict(message) for message in as_list(fields.get("messages"))]
    choices = as_list(as_dict(response).get("choices"))
    answer = (*_answer(as_dict(choices[0])), *_searched(as_dict(response))) if choices else ()
    system = [_text(message.get("content")) for message in said if message.get("role") in _SYSTEM]
    prompt = [message for each in said if each.get("role") not in _SYSTEM for message in _messages(each)]
    return Conversation(
        system="\n".join(filter(None, system)) or None,
        prompt=tuple(prompt),
        answer=Message("model", answer) if answer else None,
        tools=tuple(_tools(fields)),
        built_in=tuple(_built_in_tools(fields)),
        cache=_cache(fields),
    )


def read_completion(request: Json, response: Json) -> Conversation:
    """The prompt of a text, and what completes it."""
    prompt = as_dict(request).get("prompt")
    given = as_text(prompt) or "\n".join(filter(None, map(as_text, as_list(prompt))))
    choices = as_list(as_dict(response).get("choices"))
    text = as_text(as_dict(choices[0]).get("text")) if choices else None
    return Conversation(
        system=None,
        prompt=(Message("user", (Text(given),)),) if given else (),
        answer=Message("model", (Text(text),)) if text is not None else None,
    )


def read_images(request: Json, response: Json) -> Conversation:
    """The prompt of pictures, and the pictures."""
    prompt = as_text(as_dict(request).get("prompt"))
    pictures = tuple(
        Media("image/png", uri=as_text(fields.get("url")), base64=as_text(fields.get("b64_json")))
        for each in as_list(as_dict(response).get("data"))
        if (fields := as_dict(each)).get("url") or fields.get("b64_json")
    )
    return Conversation(
        system=None,
        prompt=(Message("user", (Text(prompt),)),) if prompt is not None else (),
        answer=Message("model", pictures) if pictures else None,
    )


def _answer(choice: dict[str, Json]) -> Iterator[Part]:
    message = as_dict(choice.get("message"))
    yield from _parts(message)
    sources = tuple(_sources(as_list(message.get("annotations"))))
    if sources:
        yield Grounding((), sources)
    if choice.get("logprobs"):
        yield Aside("logprobs", choice["logprobs"])


def _searched(response: dict[str, Json]) -> Iterator[Grounding]:
    """What Perplexity and others name beside the choices as the sources of an answer."""
    results = [as_dict(each) for each in as_list(response.get("search_results"))]
    sources = [Source("web", as_text(each.get("title")), as_text(each.get("url"))) for each in results]
    named = {source.uri for source in sources}
    cited = filter(None, map(as_text, as_list(response.get("citations"))))
    sources += [Source("web", None, url) for url in cited if url not in named]
    if sources:
        yield Grounding((), tuple(dict.fromkeys(sources)))


def _sources(annotations: list[Json]) -> Iterator[Source]:
    for annotation in annotations:
        for name, value in as_dict(annotation).items():
            if isinstance(value, dict):
                title = next(filter(None, (as_text(value.get(each)) for each in ("title", "filename", "name"))), None)
                yield Source(name.removesuffix("_citation"), title, as_text(value.get("url")))


@read_once
def _messages(message: dict[str, Json]) -> tuple[Message, ...]:
    role: Role
    parts: tuple[Part, ...]
    match message.get("role"):
        case "tool" | "function":
            content = message.get("content")
            media = tuple(part for part in _content(content) if isinstance(part, Media))
            # A result is text here; what is JSON in it is read as what it is.
            result = json_or_text(_text(content))
            id_ = as_text(message.get("tool_call_id"))
            role, parts = "tool", (Result(result, as_text(message.get("name")), id_, media),)
        case "assistant":
            role, parts = "model", tuple(_parts(message))
        case _:
            role, parts = "user", tuple(_content(message.get("content")))
    return (Message(role, parts),) if parts else ()


def _parts(message: dict[str, Json]) -> Iterator[Part]:
    """The parts of the model's message: thoughts, then text, then calls."""
    thought = as_text(message.get("reasoning_content")) or as_text(message.get("reasoning"))
    if thought is not None:
        yield Thought(thought)
    else:
        yield from _thoughts([*as_list(message.get("reasoning_details")), *as_list(message.get("thinking_blocks"))])
    yield from _content(message.get("content"))
    for image in as_list(message.get("images")):
        yield image_of(as_text(as_dict(as_dict(image).get("image_url")).get("url")) or "")
    audio = as_dict(message.get("audio"))
    if audio:
        transcript = as_text(audio.get("transcript"))
        if transcript is not None:
            yield Text(transcript)
        yield Media("audio/wav", base64=as_text(audio.get("data")))
    refusal = as_text(message.get("refusal"))
    if refusal is not None:
        yield Text(refusal)
    for call in as_list(message.get("tool_calls")):
        fields = as_dict(call)
        id_, custom = as_text(fields.get("id")), as_dict(fields.get("custom"))
        if custom:
            yield Call(as_text(custom.get("name")) or "", custom.get("input"), id_)
        else:
            yield _call(as_dict(fields.get("function")), id_)
    if isinstance(message.get("function_call"), dict):
        yield _call(as_dict(message["function_call"]), None)


def _thoughts(blocks: list[Json]) -> Iterator[Thought]:
    """The thoughts of a message that has them only in the form in which they are sent again."""
    for block in map(as_dict, blocks):
        text = next(filter(None, (as_text(block.get(name)) for name in ("text", "summary", "thinking"))), "")
        signature, sealed = as_text(block.get("signature")), as_text(block.get("data"))
        if text or sealed is not None:
            yield Thought(text, signature, sealed, _form(block) if signature or sealed else None)


def _form(block: dict[str, Json]) -> str | None:
    """OpenRouter's default is Anthropic's form, which is also what LiteLLM imitates."""
    told = as_text(block.get("format"))
    if told is None:
        return "anthropic_messages"
    return next((form for beginning, form in _FORMS.items() if told.startswith(beginning)), None)


def _call(function: dict[str, Json], id_: str | None) -> Call:
    return Call(as_text(function.get("name")) or "", arguments_of(function.get("arguments")), id_)


def arguments_of(arguments: Json) -> Json:
    """The arguments of a call, which are JSON in a text; the text itself where it is none, for models write it."""
    if isinstance(arguments, str):
        arguments = json_or_text(arguments) if arguments.strip() else None
    return {} if arguments is None else arguments


def _content(content: Json) -> Iterator[Part]:
    if isinstance(content, str):
        if content:
            yield Text(content)
        return
    for part in one_or_many(content):
        fields = as_dict(part)
        match fields.get("type"):
            case "text" | "refusal":
                text = as_text(fields.get("text")) or as_text(fields.get("refusal"))
                if text is not None:
                    yield Text(text)
            case "thinking":
                thoughts = "".join(as_text(as_dict(each).get("text")) or "" for each in as_list(fields.get("thinking")))
                if thoughts:
                    yield Thought(thoughts)
            case "image_url":
                image = fields.get("image_url")  # a text of its own with Mistral
                yield image_of(as_text(image) or as_text(as_dict(image).get("url")) or "")
            case "input_audio":
                audio = as_dict(fields.get("input_audio"))
                yield Media(f"audio/{as_text(audio.get('format')) or 'wav'}", base64=as_text(audio.get("data")))
            case "file":
                yield _file(as_dict(fields.get("file")))
            case str() as kind:
                yield Other(kind, part)


def image_of(url: str) -> Media:
    """What a URL leads to, or has in itself."""
    if url.startswith("data:"):
        head, _, data = url.removeprefix("data:").partition(",")
        return Media(head.partition(";")[0] or "image/png", base64=data)
    return Media("image/*", uri=url)


def _file(file: dict[str, Json]) -> Media:
    data = as_text(file.get("file_data"))
    if data and data.startswith("data:"):
        return image_of(data)
    return Media(UNKNOWN_TYPE, uri=None if data else as_text(file.get("file_id")), base64=data)


def _text(content: Json) -> str:
    return "".join(part.text for part in _content(content) if isinstance(part, Text))


def _tools(request: dict[str, Json]) -> Iterator[Tool]:
    for tool in one_or_many(request.get("tools")):
        yield from _tool(tool)
    for function in as_list(request.get("functions")):
        yield from _function(function)


@read_once
def _tool(tool: Json) -> tuple[Tool, ...]:
    fields = as_dict(tool)
    custom = as_dict(fields.get("custom"))
    return _function(custom, takes_text=True) if custom else _function(fields.get("function"))


def _function(function: Json, *, takes_text: bool = False) -> tuple[Tool, ...]:
    fields = as_dict(function)
    name = as_text(fields.get("name"))
    if name is None:
        return ()
    described = as_text(fields.get("description"))
    return (Tool(name, described, fields.get("format" if takes_text else "parameters"), takes_text),)


def _built_in_tools(request: dict[str, Json]) -> Iterator[BuiltInTool]:
    """What the API itself runs and is on."""
    for tool in one_or_many(request.get("tools")):
        fields = as_dict(tool)
        kind = as_text(fields.get("type"))
        if kind is not None and kind not in ("function", "custom"):
            yield BuiltInTool(kind, {name: value for name, value in fields.items() if name != "type"})
    if isinstance(request.get("web_search_options"), dict):
        yield BuiltInTool("web_search", request["web_search_options"])


def _cache(request: dict[str, Json]) -> str | None:
    """The cached content that Gemini takes behind OpenAI's shapes."""
    for fields in (request, as_dict(request.get("extra_body"))):
        found = as_text(as_dict(fields.get("google")).get("cached_content"))
        if found is not None:
            return found
    return None
