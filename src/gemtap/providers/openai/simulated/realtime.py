"""A Realtime session of the simulated API: each message or committed sound gets a spoken answer."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from gemtap.json_access import as_dict, as_list, as_text, read_json
from gemtap.providers.openai.simulated.answers import Question, answer, pieces_of, text_of
from gemtap.simulation.base import Session
from gemtap.simulation.script import Pause, Script, Send

_SOUND: Final = base64.b64encode(b"\0\1" * 1_200).decode()
"""A twentieth of a second."""


class RealtimeSession(Session):
    """One session."""

    def __init__(self, model: str, pace: float) -> None:
        self._session: dict[str, Any] = {"type": "realtime", "id": "sess_1", "model": model, "instructions": ""}
        self._pace = pace
        self._items: list[Any] = []
        self._heard = 0
        self._events = 0
        self._answers = 0

    def begin(self) -> Script:
        """The server greets."""
        return [self._event("session.created", session=self._session)]

    def receive(self, message: bytes) -> Script:
        """What the server does at an event."""
        event = as_dict(read_json(message))
        match event.get("type"):
            case "session.update":
                self._session |= as_dict(event.get("session"))
                return [self._event("session.updated", session=self._session)]
            case "conversation.item.create":
                item = {"id": f"item_{len(self._items)}", **as_dict(event.get("item"))}
                self._items.append(item)
                return [self._event("conversation.item.added", previous_item_id=None, item=item)]
            case "input_audio_buffer.append":
                self._heard += len(as_text(event.get("audio")) or "")
                return []
            case "input_audio_buffer.commit":
                return self._commit()
            case "response.create":
                return self._answer()
            case kind:
                error = {
                    "type": "invalid_request_error",
                    "code": "invalid_value",
                    "message": f"Invalid value: {kind!r}.",
                }
                return [self._event("error", error={**error, "param": "type", "event_id": event.get("event_id")})]

    def _commit(self) -> Script:
        item = {"id": f"item_{len(self._items)}", "type": "message", "role": "user"}
        said = f"This was {self._heard} characters of sound."
        self._items.append({**item, "content": [{"type": "input_audio", "text": said}]})
        self._heard = 0
        heard = {
            "item_id": item["id"],
            "content_index": 0,
            "transcript": said,
            "usage": {"type": "duration", "seconds": 1},
        }
        return [
            self._event("input_audio_buffer.committed", previous_item_id=None, item_id=item["id"]),
            self._event("conversation.item.input_audio_transcription.completed", **heard),
        ]

    def _answer(self) -> Script:
        said = next((text_of(as_dict(each).get("content")) for each in reversed(self._items)), "")
        tools = as_list(self._session.get("tools"))
        results = [str(as_dict(each).get("output")) for each in self._items[-1:] if "output" in as_dict(each)]
        found = answer(Question(said, results, tools, self._items, thinks=False))
        self._answers += 1
        id_ = f"resp_{self._answers}"
        items: list[dict[str, Any]] = [
            {
                "id": f"fc_{call.id}",
                "type": "function_call",
                "call_id": call.id,
                "name": call.name,
                "arguments": call.arguments,
            }
            for call in found.calls
        ]
        if found.text:
            content = [{"type": "output_audio", "transcript": found.text}]
            items = [{"id": f"msg_{found.id}", "type": "message", "role": "assistant", "content": content}]
        begun = {"object": "realtime.response", "id": id_, "status": "in_progress", "output": []}
        steps: Script = [self._event("response.created", response=begun)]
        for index, item in enumerate(items):
            at = {"response_id": id_, "output_index": index, "item_id": item["id"]}
            empty = {**item, "content": []} if "content" in item else {**item, "arguments": ""}
            steps.append(self._event("response.output_item.added", **at, item=empty))
            for piece in pieces_of(found.text if "content" in item else item["arguments"]):
                steps.append(Pause(self._pace))
                if "content" in item:
                    place = {**at, "content_index": 0}
                    steps.append(self._event("response.output_audio_transcript.delta", **place, delta=piece))
                    steps.append(self._event("response.output_audio.delta", **place, delta=_SOUND))
                else:
                    steps.append(self._event("response.function_call_arguments.delta", **at, delta=piece))
            steps.append(self._event("response.output_item.done", **at, item=item))
        self._items += items
        spoken, read = found.output_tokens * 4, found.prompt_tokens
        usage = {
            "total_tokens": read + found.output_tokens + spoken,
            "input_tokens": read,
            "output_tokens": found.output_tokens + spoken,
            "input_token_details": {"text_tokens": read, "audio_tokens": 0, "cached_tokens": 0},
            "output_token_details": {"text_tokens": found.output_tokens, "audio_tokens": spoken},
        }
        done = {**begun, "status": "completed", "output": items, "usage": usage}
        return [*steps, self._event("response.done", response=done)]

    def _event(self, kind: str, **fields: Any) -> Send:
        self._events += 1
        return Send(json.dumps({"type": kind, "event_id": f"event_{self._events}", **fields}).encode(), is_text=True)
