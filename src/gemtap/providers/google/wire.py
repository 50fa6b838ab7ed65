"""What Google's APIs have in common on the wire."""

from __future__ import annotations

import re
from typing import Final

from gemtap.providers.credential import Credential, bearer
from gemtap.providers.google.secrets import GOOGLE
from gemtap.providers.wire import RawHeaders, Route, Wire, json_error

_CODE_ASSIST_PATHS: Final = re.compile(rb"/+v1internal(?:[:/]|$)")

_ASKING: Final = re.compile(
    rb":(?:(?:stream|[a-z]*[bB]atch)?[gG]enerate[A-Z]\w*|[a-z]*(?:[bB]atch)?[eE]mbed[A-Z]\w*|complete[A-Z]\w*"
    rb"|(?!fetch)[a-zA-Z]*[pP]redict(?:LongRunning)?)/*$"
    rb"|/(?:interactions|decisions|cachedContents)/*$"
    # The paths of OpenAI: /v1beta/openai/... and Vertex AI's .../endpoints/openapi/...
    rb"|/openap?i/+(?:chat/+completions|completions|embeddings|responses|images/+\w+|videos|audio/+speech)/*$"
)
_MODEL: Final = re.compile(rb"/(?:models|tunedModels|dynamic|endpoints)/+(?!openapi/)([^/:]+)")

_CONTENT_TYPE: Final = b"application/json; charset=UTF-8"

ACCESS_TOKEN: Final = bearer("CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN")
"""The credential of Google Cloud, as `gcloud auth print-access-token` prints it."""


class GoogleWire(Wire):
    """An API of Google's: its errors have Google's shape."""

    secrets = GOOGLE
    # https://ai.google.dev/gemini-api/docs/files: Google's own URLs, even where a gateway stands before Google.
    rewritten_headers = frozenset({b"x-goog-upload-url", b"x-goog-upload-control-url"})
    asking = _ASKING
    model_in_path = _MODEL

    def error(self, status: int, code: str, message: str) -> tuple[RawHeaders, bytes]:
        """An error as Google words one: https://cloud.google.com/apis/design/errors."""
        error = {"error": {"code": status, "message": message, "status": code}}
        return json_error(error, content_type=_CONTENT_TYPE, indent=2)

    def limited(self, message: str, retry_after: int) -> tuple[RawHeaders, bytes]:
        """With the delay where Google's clients look for it: google.rpc.RetryInfo in google/rpc/error_details.proto."""
        delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{retry_after}s"}
        error = {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED", "details": [delay]}
        return json_error({"error": error}, content_type=_CONTENT_TYPE, indent=2)


class CodeAssistApiWire(GoogleWire):
    """Code Assist's API, `/v1internal:METHOD`, which Antigravity has on a host of its own."""

    def route(self, path: bytes) -> Route | None:
        """Its paths go on as they are."""
        return Route(self.name, path) if _CODE_ASSIST_PATHS.match(path) else None

    def credential(self, path: bytes) -> Credential:
        """An access token of Google Cloud."""
        return ACCESS_TOKEN
