"""What lists show of an exchange with Gemini: what was asked last, and how the answer begins."""

from __future__ import annotations

from collections.abc import Iterator

from gemtap.dialects.previews import call_form, shorten
from gemtap.interaction import Json, Preview
from gemtap.json_access import as_dict, as_list, as_text


def read_preview(request: Json, response: Json) -> Preview:
    """The preview of one exchange; each half None where there is nothing to show."""
    return {"prompt": _prompt(request), "answer": _answer(response)}


def _prompt(request: Json) -> str | None:
    """The last content of the request that is not the model's: its text, else its tool results, else its media."""
    for content in reversed(list(_contents(request))):
        if as_dict(content).get("role") == "model":
            continue
        parts = as_list(as_dict(content).get("parts"))
        texts = [text for part in parts if (text := as_text(as_dict(part).get("text")))]
        shown = shorten(" ".join(texts)) or shorten(", ".join(filter(None, map(_short_form, parts))))
        if shown:
            return shown
    return None


def _contents(request: Json) -> Iterator[Json]:
    fields = as_dict(request)
    yield from as_list(fields.get("contents"))
    yield from as_list(as_dict(fields.get("generateContentRequest")).get("contents"))  # countTokens
    yield fields.get("content")  # embedContent
    for each in as_list(fields.get("requests")):  # batchEmbedContents
        yield as_dict(each).get("content")
    for each in as_list(fields.get("instances")):  # predict: Imagen, Veo, embeddings of Vertex AI
        instance = as_dict(each)
        yield {"parts": [{"text": instance.get("prompt") or instance.get("content")}]}


def _short_form(part: Json) -> str | None:
    """What stands for a part that is no text: `⟵ tool` for a tool's result, `[image/png]` for media."""
    for name, value in as_dict(part).items():
        match name:
            case "functionResponse" | "function_response":
                return f"⟵ {as_text(as_dict(value).get('name')) or 'result'}"
            case "inlineData" | "inline_data" | "fileData" | "file_data":
                fields = as_dict(value)
                return f"[{as_text(fields.get('mimeType')) or as_text(fields.get('mime_type')) or 'file'}]"
    return None


def _answer(response: Json) -> str | None:
    """The first line of the first candidate's answer, thoughts left out; else its function calls."""
    candidates = as_list(as_dict(response).get("candidates"))
    parts = as_list(as_dict(as_dict(candidates[0]).get("content")).get("parts")) if candidates else []
    text = "".join(filter(None, (_said(part) for part in parts))).lstrip()
    if text:
        return shorten(text.split("\n", 1)[0])
    calls = [call for part in parts if isinstance(call := as_dict(part).get("functionCall"), dict)]
    return shorten(", ".join(call_form(call.get("name"), call.get("args")) for call in calls)) or None


def _said(part: Json) -> str | None:
    fields = as_dict(part)
    return None if fields.get("thought") is True else as_text(fields.get("text"))
