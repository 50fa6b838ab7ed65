"""Accumulates the chunks of a streamed OpenAI chat completion into one response.

After https://platform.openai.com/docs/api-reference/chat-streaming.
"""

from __future__ import annotations

from itertools import groupby
from typing import Final

from gemtap.dialects.openai_chat.partial_calls import PartialCall, Texts
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, count, overlay

_JOINED: Final = ("content", "refusal", "reasoning_content", "reasoning")
"""Texts of a message that come in pieces. The last two are what gateways and other models call their thoughts."""

_THOUGHTS: Final = ("reasoning_content", "reasoning")

_LISTS: Final = ("annotations", "images", "reasoning_details", "thinking_blocks")
"""Lists of a message that come in pieces. The last two are thoughts with what is needed to send them again: those of
OpenRouter (https://openrouter.ai/docs/use-cases/reasoning-tokens) and of LiteLLM."""

_THOUGHT_TEXTS: Final = ("text", "summary", "thinking")
"""What the texts of such thoughts are called."""


def has_content(chunk: Json) -> bool:
    """Whether the chunk brings something of the answer: text, or a call."""
    choices = as_list(as_dict(chunk).get("choices"))
    return any(as_text(as_dict(choice).get("text")) for choice in choices) or any(
        as_text(delta.get(name)) or isinstance(delta.get(name), dict) or as_list(delta.get(name))
        for delta in _deltas(chunk)
        for name in (*_JOINED, "tool_calls", "function_call", "audio", *_LISTS[1:])
    )


def has_thoughts(chunk: Json) -> bool:
    """Whether the chunk brings thoughts in words."""
    return any(
        as_text(fields.get(name))
        for delta in _deltas(chunk)
        for fields in (delta, *(as_dict(each) for name in _LISTS[2:] for each in as_list(delta.get(name))))
        for name in (*_THOUGHTS, *(_THOUGHT_TEXTS if fields is not delta else ()))
    )


def all_finished(response: Json) -> bool:
    """Whether there is a choice, and all have a finish reason."""
    choices = as_list(as_dict(response).get("choices"))
    return bool(choices) and all(as_dict(choice).get("finish_reason") is not None for choice in choices)


def _deltas(chunk: Json) -> list[dict[str, Json]]:
    return [as_dict(as_dict(choice).get("delta")) for choice in as_list(as_dict(chunk).get("choices"))]


def accumulate(chunks: list[Json]) -> dict[str, Json]:
    """Accumulate chunks into a `chat.completion`.

    Choices are put together by `index`, the calls in them by theirs; of everything else the last value that is not
    null stands, `usage` among it, which comes in the last chunk or in all of them.
    """
    response: dict[str, Json] = {}
    choices: dict[int, _Choice] = {}
    for chunk in chunks:
        fields = dict(as_dict(chunk))
        for fragment in as_list(fields.pop("choices", None)):
            if isinstance(fragment, dict):
                response.setdefault("choices", [])
                choices.setdefault(count(fragment.get("index")) or 0, _Choice()).add(fragment)
        overlay(response, fields)
    if response.get("object") == "chat.completion.chunk":
        response["object"] = "chat.completion"
    if choices:
        response["choices"] = [choices[index].finish() for index in sorted(choices)]
    return response


class _Choice:
    """One choice under construction."""

    def __init__(self) -> None:
        self._fields: dict[str, Json] = {}
        self._message: dict[str, Json] = {}
        self._texts = Texts(_JOINED)
        self._text = Texts(("text",))
        """That of a completion, which has no message."""
        self._calls: list[PartialCall] = []
        self._open: dict[int, PartialCall] = {}
        """The incomplete calls, by index."""
        self._function_call: PartialCall | None = None
        self._parts: list[Json] = []
        """Content in parts, as Mistral's models that think send it."""
        self._logprobs: dict[str, list[Json]] = {}
        self._audio: dict[str, Json] = {}
        self._sound = Texts(("data", "transcript"))
        self._lists: dict[str, list[Json]] = {}

    def add(self, fragment: dict[str, Json]) -> None:
        fields = dict(fragment)
        delta = dict(as_dict(fields.pop("delta", None)))
        fields = self._text.take(fields)
        if not self._text:
            self._fields.setdefault("message", self._message)
        if isinstance(fields.get("logprobs"), dict):
            self._add_logprobs(fields.pop("logprobs"))
        overlay(self._fields, fields)
        for call in as_list(delta.pop("tool_calls", None)):
            if isinstance(call, dict):
                self._add_call(call)
        if isinstance(delta.get("audio"), dict):
            self._add_audio(delta.pop("audio"))
        for name in _LISTS:
            if pieces := as_list(delta.pop(name, None)):
                self._lists.setdefault(name, []).extend(pieces)
        if isinstance(delta.get("function_call"), dict):  # what calls were before there could be several
            self._function_call = self._function_call or PartialCall()
            self._function_call.add({"function": delta.pop("function_call")})
        if isinstance(delta.get("content"), list):
            self._parts += delta.pop("content")
        elif self._parts and as_text(delta.get("content")):
            self._parts.append({"type": "text", "text": delta.pop("content")})
        overlay(self._message, self._texts.take(delta))

    def _add_call(self, fragment: dict[str, Json]) -> None:
        index, id_ = count(fragment.get("index")) or 0, as_text(fragment.get("id"))
        call = self._open.get(index)
        # Gemini and gateways send parallel calls under one index: with ids of their own, with empty ones or with none.
        if call is None or (call.id not in (None, id_) if id_ is not None else call.is_over(fragment)):
            call = PartialCall(call.name if call is not None and id_ is None else None)
            self._open[index] = call
            self._calls.append(call)
        call.add({name: value for name, value in fragment.items() if name != "index"})

    def _add_audio(self, audio: dict[str, Json]) -> None:
        """Each piece of the data is base64 by itself, of whole groups of three bytes."""
        overlay(self._audio, self._sound.take(dict(audio)))
        self._message["audio"] = self._audio

    def _add_logprobs(self, logprobs: dict[str, Json]) -> None:
        self._fields["logprobs"] = self._logprobs
        for name, tokens in logprobs.items():
            kept = self._logprobs.setdefault(name, [])
            kept.extend(as_list(tokens))

    def finish(self) -> dict[str, Json]:
        overlay(self._message, self._texts.joined())
        self._fields.update(self._text.joined())
        if self._parts:
            before = as_text(self._message.get("content"))
            text: list[Json] = [{"type": "text", "text": before}] if before else []
            self._message["content"] = _joined_parts(text + self._parts)
        self._audio.update(self._sound.joined())
        for name, pieces in self._lists.items():
            self._message[name] = _joined_thoughts(pieces) if name in _LISTS[2:] else pieces
        if self._calls:
            self._message["tool_calls"] = [call.finish() for call in self._calls]
        if self._function_call is not None:
            self._message["function_call"] = self._function_call.finish()["function"]
        return self._fields


def _joined_parts(parts: list[Json]) -> list[Json]:
    """Content in parts, with each run of texts as one, and each run of thoughts."""
    found: list[Json] = []
    for kind, run in groupby(parts, lambda part: as_dict(part).get("type")):
        same = list(run)
        if kind == "text":
            found.append(
                {**as_dict(same[0]), "text": "".join(as_text(as_dict(each).get("text")) or "" for each in same)}
            )
        elif kind == "thinking":
            thoughts = [part for each in same for part in as_list(as_dict(each).get("thinking"))]
            is_flat = all(as_dict(part).get("type") == "text" for part in thoughts)
            found.append({**as_dict(same[0]), "thinking": _joined_parts(thoughts) if is_flat else thoughts})
        else:
            found += same
    return found


def _joined_thoughts(pieces: list[Json]) -> list[Json]:
    """Thoughts whose texts come in pieces: those of one type and index in a row are one, up to its signature."""
    found: list[dict[str, Json]] = []
    for piece in map(as_dict, pieces):
        last = found[-1] if found else {}
        texts = {name: text for name in _THOUGHT_TEXTS if (text := as_text(piece.get(name))) is not None}
        is_same = all(last.get(name) == piece.get(name) for name in ("type", "index"))
        has_ended = bool(texts) and "index" not in piece and as_text(last.get("signature")) is not None
        if found and is_same and not has_ended and piece.get("data") is None:
            joined = {name: (as_text(last.get(name)) or "") + text for name, text in texts.items()}
            overlay(last, {name: value for name, value in piece.items() if name not in _THOUGHT_TEXTS and value != ""})
            last |= joined
        else:
            found.append(dict(piece))
    return [*found]
