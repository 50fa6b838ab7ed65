"""What a path of Anthropic's API asks for: the operation and the model, from method and path.

After the resources of anthropic 2.14.0, which are those of https://platform.claude.com/docs/en/api.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from gemtap.dialects.anthropic_messages.dialect import COMPLETION
from gemtap.dialects.base import UNKNOWN_OPERATION
from gemtap.dialects.rest_paths import ON_COLLECTION, ON_ITEM_WITH_POST, WORD

_COLLECTIONS: Final = frozenset(
    {
        *("messages", "batches", "models", "files", "skills", "versions", "user_profiles", "action_urls"),
        *("agents", "cases", "items", "notices", "deployment_runs", "deployments", "dreams", "environments", "work"),
        *("memory_stores", "memories", "memory_versions", "sessions", "events", "resources", "threads", "tunnels"),
        *("certificates", "vaults", "credentials", "webhooks", "artifacts", "connectors", "plugins", "projects"),
        *("summaries", "users", "api_keys", "rbac_groups", "bundles", "targets", "slack_channels"),
        *("slack_workspaces", "external_keys", "external_storage", "federation_issuers", "federation_rules"),
        *("workspaces", "invites", "plugin_marketplaces", "installation_settings", "shares", "rate_limits"),
        *("members", "rbac_roles", "permissions", "service_accounts", "spend_limit_increase_requests"),
        *("spend_limits", "effective", "telemetry_destinations", "mcp_servers"),
        *("cost", "cost_report", "usage", "usage_report", "user_cost_report", "user_usage_report"),
    }
)
"""Names after which the id of one thing may follow."""

_PLACES: Final = frozenset(
    {
        *("organizations", "analytics", "apps", "chat", "compliance", "review", "claude_code", "managed_settings"),
        *("claude_tag", "providers", "google", "oauth"),
    }
)
"""Names after which only another name follows."""

_THINGS: Final = frozenset(
    {"me", "configuration", "rbac_group_default", "compliance_settings", "data_controls", "stats", "profile"}
)
"""Things that there is one of: they are read and changed without an id."""

_VERBS: Final = frozenset(
    {
        *("archive", "cancel", "pause", "unpause", "run", "respond", "poll", "ack", "heartbeat", "stop", "redact"),
        *("content", "results", "count_tokens", "validate", "validate_archive", "validate_repository", "activate"),
        *("approve", "deny", "test", "sign_out", "regenerate_signing_secret", "stream", "reveal_token"),
        *("rotate_token", "enrollment_url", "mcp_oauth_validate", "token", "authorize"),
    }
)
"""The last name of a path that says itself what is done."""


def read_path(method: str, path: str) -> tuple[str, str | None]:
    """The operation and, where the path names one, the model.

    Operations are the names of a path and what is done: `messages.create`, `messages.batches.results`,
    `organizations.users.list`; `complete` of the legacy text completions; `unknown` for any other path.
    """
    match [unquote(segment) for segment in path.split("/") if segment]:
        case ["v1", "complete"]:
            return (COMPLETION if method.upper() == "POST" else UNKNOWN_OPERATION), None
        case ["v1", *segments] if segments:
            return _operation(method.upper(), segments)
        case ["api", *segments] if segments and all(map(WORD.fullmatch, segments)):
            # What Claude Code calls beside the API proper: settings, telemetry, its login.
            return ".".join(["api", *segments]), None
        case _:
            return UNKNOWN_OPERATION, None


def _operation(method: str, segments: list[str]) -> tuple[str, str | None]:
    """Read the path from left to right: after a collection's name stands an id, unless another name does."""
    names: list[str] = []
    ends_with = ""
    model = None
    for number, segment in enumerate(segments):
        is_last = number == len(segments) - 1
        if ends_with != "collection" and segment not in _COLLECTIONS | _PLACES | _THINGS | _VERBS:
            return UNKNOWN_OPERATION, None
        if is_last and segment in _VERBS:
            return ".".join([*names, segment]) if names else UNKNOWN_OPERATION, None
        if segment in _COLLECTIONS | _PLACES | _THINGS and not _is_id(names, ends_with):
            ends_with = "collection" if segment in _COLLECTIONS else "thing" if segment in _THINGS else "place"
            names.append(segment)
        elif ends_with == "collection":
            ends_with = "item"
            model = segment if names[-1] == "models" else model
        else:
            return UNKNOWN_OPERATION, None
    verbs = {"collection": ON_COLLECTION, "item": ON_ITEM_WITH_POST, "thing": ON_ITEM_WITH_POST}.get(ends_with, {})
    verb = verbs.get(method)
    return (".".join([*names, verb]) if names and verb else UNKNOWN_OPERATION), model


def _is_id(names: list[str], ends_with: str) -> bool:
    """Whether the next segment is an id even if it is a known name: that of a model may be any word."""
    return ends_with == "collection" and names[-1] in ("models", "installation_settings")
