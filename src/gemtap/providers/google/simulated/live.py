"""The Live API without a network: a session turns each client message into the messages in response.

https://ai.google.dev/api/live. Input is text or audio, output is text or audio according to the setup. Input audio is
counted, not understood.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

from gemtap.interaction import Json
from gemtap.providers.google.simulated import answers, catalogue, errors
from gemtap.providers.google.simulated.call import parse_object
from gemtap.providers.google.simulated.conversation import Object, member, objects, parts
from gemtap.providers.google.simulated.errors import ApiError
from gemtap.providers.google.simulated.faults import error_of
from gemtap.providers.google.simulated.wire import pretty
from gemtap.simulation.base import Session
from gemtap.simulation.script import Close, Disconnect, Pause, Script, Send, Stall

_INVALID: Final = 1007
_REFUSED: Final = 1008
_LONGEST_REASON: Final = 120
"""Maximum length of the reason in a close frame, in bytes."""

_SOUND_BYTES: Final = 2_400
"""Audio per message: 50 ms at 24 kHz and 16 bits."""


class LiveSession(Session):
    """One session. Like Google, it sends JSON in binary frames."""

    def __init__(self, key: str, version: str, pace: float) -> None:
        self._key = key
        self._version = version
        self._pace = pace
        self._setup: Object | None = None
        self._model = ""
        self._contents: list[Json] = []
        self._turns = 0

    def receive(self, message: bytes) -> Script:
        """Process a client message. The script has a `Send` per message, or closes the session."""
        try:
            value = parse_object(message.decode("utf-8", "replace"))
            if self._setup is None:
                return self._begin(member(value, "setup"))
            return self._answer(value)
        except ApiError as error:
            code = _INVALID if error.code == 400 else _REFUSED
            return [Close(code, error.message.encode()[:_LONGEST_REASON].decode("utf-8", "ignore"))]

    def _begin(self, setup: Json) -> Script:
        if not isinstance(setup, dict):
            raise errors.invalid_argument("setup must be the first message and only the first message.")
        model = str(setup.get("model", "")).rpartition("/")[2]
        error = error_of(model, version=self._version, operation="bidiGenerateContent", key=self._key)
        if error is not None or not catalogue.is_served(model):
            raise error or errors.model_not_found(model, self._version, "bidiGenerateContent")
        self._setup, self._model = setup, model
        return [Send(pretty({"setupComplete": {}}))]

    def _answer(self, message: Object) -> Script:
        """Answer a completed turn. Other messages only add to the conversation."""
        content, sound = member(message, "clientContent"), member(message, "realtimeInput")
        results = objects(member(member(message, "toolResponse"), "functionResponses"))
        if content is not None:
            self._contents += objects(member(content, "turns"))
            return self._turn() if member(content, "turnComplete") and self._contents else []
        if results:
            self._contents.append({"role": "user", "parts": [{"functionResponse": each} for each in results]})
            return self._turn()
        if sound is not None:
            text = member(sound, "text") or ("(sound)" if member(sound, "audioStreamEnd") else None)
            if text is None:
                return []
            self._contents.append({"role": "user", "parts": [{"text": text}]})
            return self._turn()
        raise errors.invalid_argument(f"Unknown message: {', '.join(message) or 'none'}.")

    def _turn(self) -> Script:
        request = {**(self._setup or {}), "contents": self._contents}
        chunks = answers.generate(self._model, request, streamed=True)
        said = [part for chunk in chunks for each in chunk.get("candidates", []) for part in parts(each["content"])]
        self._turns += 1
        calls = [self._call(part["functionCall"], at) for at, part in enumerate(said) if "functionCall" in part]
        self._contents.append({"role": "model", "parts": said})
        if calls:
            spoken: list[Json] = [{"toolCall": {"functionCalls": calls}}]
        else:
            spoken = [self._spoken(part) for part in said if part["text"]]
            spoken += [
                {"serverContent": {"generationComplete": True}},
                {"serverContent": {"turnComplete": True}},
            ]
        spoken[-1]["usageMetadata"] = _usage(chunks[-1]["usageMetadata"])
        return self._faulty(spoken)

    def _call(self, call: Object, at: int) -> Json:
        return {**call, "id": call.get("id", f"function-call-{self._turns}-{at}")}

    def _spoken(self, part: Object) -> Json:
        config = member(self._setup, "generationConfig")
        if "AUDIO" not in (member(config, "responseModalities") or []) or part.get("thought"):
            shown = {key: part[key] for key in ("text", "thought") if key in part}
            return {"serverContent": {"modelTurn": {"parts": [shown], "role": "model"}}}
        sound = base64.b64encode(_sound(part["text"])).decode("ascii")
        data = {"mimeType": "audio/pcm;rate=24000", "data": sound}
        content: dict[str, Any] = {"modelTurn": {"parts": [{"inlineData": data}], "role": "model"}}
        if member(self._setup, "outputAudioTranscription") is not None:
            content["outputTranscription"] = {"text": part["text"]}
        return {"serverContent": content}

    def _faulty(self, messages: list[Json]) -> Script:
        """The messages with pauses between them. For two faulty models, only the beginning."""
        faults: dict[str, Script] = {"fault-disconnect": [Disconnect()], "fault-stall": [Stall()]}
        ending = faults.get(self._model, [])
        steps: Script = []
        for message in messages[:2] if ending else messages:
            steps += [Pause(self._pace)] if self._pace > 0 else []
            steps.append(Send(pretty(message)))
        return [*steps, *ending]


class RefusedSession(Session):
    """A session with an invalid key. Google closes it after the handshake."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def begin(self) -> Script:
        """Close it."""
        return [Close(_INVALID, self._reason)]

    def receive(self, message: bytes) -> Script:
        """Nothing: it is closed."""
        return []


def _sound(text: str) -> bytes:
    digest = hashlib.sha256(text.encode("utf-8", "replace")).digest()
    return (digest * (_SOUND_BYTES // len(digest) + 1))[:_SOUND_BYTES]


def _usage(metadata: Json) -> Json:
    """Usage with the Live API's names: `response` instead of `candidates`."""
    usage = {key: value for key, value in metadata.items() if key not in ("candidatesTokenCount", "serviceTier")}
    answered = metadata.get("candidatesTokenCount", 0)
    details = [{"modality": "TEXT", "tokenCount": answered}]
    return {**usage, "responseTokenCount": answered, "responseTokensDetails": details}
