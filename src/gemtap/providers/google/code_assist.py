"""Code Assist's API for the desk, which Antigravity has on a host of its own.

It has no reference. Shapes as gemini-cli's `CodeAssistServer` and its converter have them. A request is
`{model, project, user_prompt_id, request: {...}}`; an answer, and each chunk of a stream, is
`{response: {...}, traceId, ...}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from gemtap.dialects.base import UNKNOWN_OPERATION, Dialect
from gemtap.dialects.gemini_content.dialect import Envelope, GeminiContent
from gemtap.dialects.rest_paths import ON_COLLECTION, ON_ITEM, WORD
from gemtap.interaction import Json
from gemtap.json_access import as_dict, overlay
from gemtap.providers.google.reader import GoogleReader


def read_operation(method: str, path: str) -> str:
    """`/v1internal:loadCodeAssist` -> `loadCodeAssist`, GET `/v1internal/operations/abc` -> `operations.get`."""
    head, *segments = [unquote(segment) for segment in path.split("/") if segment] or [""]
    verb = (head if not segments else segments[-1]).partition(":")[2]
    collections, on_item = segments[0::2], segments and len(segments) % 2 == 0
    words = [*collections, verb] if verb else [*collections, (ON_ITEM if on_item else ON_COLLECTION).get(method, "")]
    known = head.partition(":")[0] == "v1internal" and (verb or segments)
    return ".".join(words) if known and all(map(WORD.fullmatch, words)) else UNKNOWN_OPERATION


class _Wrapped(Envelope):
    def request(self, sent: Json) -> Json:
        inside = as_dict(sent).get("request")
        return inside if isinstance(inside, dict) else sent

    def settings_at(self) -> Sequence[tuple[str, ...]]:
        return [("request", *path) for path in super().settings_at()]

    def response(self, got: Json) -> Json:
        inside = as_dict(got).get("response")
        return inside if isinstance(inside, dict) else got

    def whole(self, chunks: list[Json], response: dict[str, Json]) -> dict[str, Json]:
        if not any(isinstance(as_dict(chunk).get("response"), dict) for chunk in chunks):
            return response
        whole: dict[str, Json] = {}
        for chunk in chunks:
            overlay(whole, as_dict(chunk))
        whole["response"] = response
        return whole


_WRAPPED: Final = GeminiContent(_Wrapped())


class CodeAssistApiReader(GoogleReader):
    """Reads exchanges with such an API, as with Gemini, out of their envelope."""

    by_subscription = True
    request_headers = frozenset({"x-goog-user-project"})
    resending = frozenset({"countTokens"})

    def operation(self, method: str, path: str) -> tuple[str, str | None]:
        """By the path alone. It names no model: the request does."""
        return read_operation(method, path), None

    def dialect(self, operation: str, *, is_session: bool) -> Dialect:
        """The same for every operation."""
        return _WRAPPED
