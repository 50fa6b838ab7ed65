"""OpenAI's paths: operation and model.

The words below are those of the paths that openai 3.57.0 for Python and openai 6.49.0 for JavaScript call; what stands
after one of them and is none itself is an id. `tests/unit/dialects/openai_chat/test_surface.py` holds them to the SDKs.
"""

from __future__ import annotations

from typing import Final

from gemtap.dialects.base import UNKNOWN_OPERATION
from gemtap.dialects.rest_paths import ON_ITEM, ON_ITEM_WITH_POST, WORD

_CALLED: Final = frozenset(
    {
        *("completions", "responses", "embeddings", "moderations", "decisions", "edits", "generations", "variations"),
        *("speech", "transcriptions", "translations", "videos", "extensions", "realtime", "content_provenance_checks"),
    }
)
"""What a POST calls by its name alone, such as `openai.chat.completions`. A GET of it is a list, or a session."""

_SESSIONS: Final = frozenset({("realtime",), ("responses",), ("realtime", "translations"), ("live", "sessions")})
"""What a GET opens a WebSocket to."""

_VERBS: Final = frozenset(
    {
        *("accept", "activate", "archive", "attach", "cancel", "compact", "complete", "content", "deactivate", "fork"),
        *("hangup", "input_tokens", "pause", "refer", "reject", "remix", "resume", "rotate_secret", "run", "search"),
        *("submit_tool_outputs", "test", "validate"),
    }
)
"""What is done to the thing before it: the operation ends with it."""

_SINGLE: Final = frozenset(
    {
        *("costs", "data_retention", "hosted_tool_permissions", "model_permissions", "service_tier_settings"),
        "spend_limit",
    }
)
"""Things of which there is one: they have no ids, and no lists."""

_COLLECTIONS: Final = frozenset(
    {
        *("admin_api_keys", "agents", "api_keys", "artifacts", "assistants", "audit_logs", "automations", "batches"),
        *("calls", "cases", "certificates", "characters", "checkpoints", "client_secrets", "containers"),
        *("conversations", "credentials", "environments", "evals", "events", "external_keys", "external_storage"),
        *("federation_rules", "file_batches", "files", "groups", "input_items", "invites", "invocations", "items"),
        *("jobs", "messages", "models", "output_items", "parts", "permissions", "projects", "rate_limits", "roles"),
        *("runs", "service_accounts", "sessions", "skills", "spend_alerts", "steps", "subagents", "templates"),
        *("threads", "traces", "transcription_sessions", "turns", "uploads", "users", "vaults", "vector_stores"),
        *("versions", "voice_consents", "voices", "webhook_endpoints", "webhook_event_types"),
        *("workload_identity_providers", "alerts"),
    }
)
_FAMILIES: Final = frozenset(
    {
        *("alpha", "audio", "chat", "chatkit", "fine_tuning", "graders", "images", "live", "organization", "safety"),
        "usage",
    }
)
"""What several operations are grouped under."""

_WORDS: Final = _CALLED | _VERBS | _SINGLE | _COLLECTIONS | _FAMILIES

_ON_MANY: Final = {"GET": "list", "POST": "create", "DELETE": "delete"}


def openai_operation(method: str, segments: list[str]) -> tuple[str, str | None]:
    """OpenAI's paths: `chat/completions` -> `openai.chat.completions`, `models/M` -> `openai.models.get`.

    `segments` are those of the path after its version. A method of a path that no SDK has is unknown, but for a POST to
    up to three words: gateways have operations of their own.
    """
    if not segments:
        return UNKNOWN_OPERATION, None
    if segments[0] == "models":
        return _on_models(method, "/".join(segments[1:]).removeprefix("models/"))
    names = [word for place, word in enumerate(segments) if not _is_id(segments, place)]
    verb = _verb(method, names, ends_with_id=_is_id(segments, len(segments) - 1))
    if segments[0] not in _WORDS or verb is None:
        known = method == "POST" and len(segments) <= 3 and all(map(WORD.fullmatch, segments))
        return ("openai." + ".".join(segments) if known else UNKNOWN_OPERATION), None
    return "openai." + ".".join([*names, verb] if verb else names), None


def _on_models(method: str, model: str) -> tuple[str, str | None]:
    """Names of models may have slashes."""
    verb = (ON_ITEM if model else _ON_MANY).get(method)
    return (f"openai.models.{verb}" if verb else UNKNOWN_OPERATION), model or None


def _is_id(segments: list[str], place: int) -> bool:
    """Whether a segment names a thing in the collection before it."""
    return place > 0 and segments[place] not in _WORDS and segments[place - 1] in _COLLECTIONS | _CALLED


def _verb(method: str, names: list[str], *, ends_with_id: bool) -> str | None:
    """How the operation ends; empty if its last name says all, None for what is not known."""
    last = names[-1]
    if ends_with_id:
        return ON_ITEM_WITH_POST.get(method)
    if last in _VERBS:
        return "" if method in ("GET", "POST") else None
    if last in _SINGLE or "usage" in names:
        return ON_ITEM_WITH_POST.get(method)
    if method == "GET" and tuple(names) in _SESSIONS:
        return ""
    if last in _CALLED and method == "POST":
        return ""
    return _ON_MANY.get(method) if last in _CALLED | _COLLECTIONS else None
