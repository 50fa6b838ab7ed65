"""Who may use which route of the dashboard, once there are access keys."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from starlette.routing import compile_path


class Rule(StrEnum):
    """Who may use a route."""

    PUBLIC = "public"
    """Everybody."""
    MEMBER = "member"
    """Whoever has an access key, for what was sent with it; admins for everything."""
    ADMIN = "admin"
    """Admins."""


RULES: Final = {
    "/signin": Rule.PUBLIC,
    "/signin/openid": Rule.PUBLIC,
    "/signin/openid/callback": Rule.PUBLIC,
    "/signout": Rule.PUBLIC,
    "/healthz": Rule.PUBLIC,
    "/readyz": Rule.PUBLIC,
    "/providers.css": Rule.PUBLIC,
    "/static": Rule.PUBLIC,
    "/openapi.json": Rule.MEMBER,
    "/": Rule.MEMBER,
    "/threads": Rule.MEMBER,
    "/threads/rows": Rule.MEMBER,
    "/threads/{id_}": Rule.MEMBER,
    "/threads/{id_}/turns": Rule.MEMBER,
    "/interactions": Rule.MEMBER,
    "/rows": Rule.MEMBER,
    "/queries": Rule.MEMBER,
    "/setup": Rule.MEMBER,
    "/analytics": Rule.MEMBER,
    "/analytics/plotly.js": Rule.MEMBER,
    "/analytics/data/{name}": Rule.MEMBER,
    "/interactions/{id_}": Rule.MEMBER,
    "/interactions/{id_}/curl": Rule.MEMBER,
    "/interactions/{id_}/messages": Rule.MEMBER,
    "/interactions/{id_}/added": Rule.MEMBER,
    "/interactions/{id_}/parts/{number}": Rule.MEMBER,
    "/interactions/{id_}/tools/{number}": Rule.MEMBER,
    "/interactions/{id_}/media/{number}": Rule.MEMBER,
    "/interactions/{id_}/raw/{side}": Rule.MEMBER,
    "/interactions/{id_}/changes": Rule.MEMBER,
    "/interactions/{id_}/changes/{number}": Rule.MEMBER,
    "/interactions/{id_}/compare": Rule.MEMBER,
    "/api/interactions": Rule.MEMBER,
    "/api/interactions/{id_}": Rule.MEMBER,
    "/api/interactions/{id_}/request": Rule.MEMBER,
    "/api/interactions/{id_}/response": Rule.MEMBER,
    "/api/interactions/{id_}/state": Rule.MEMBER,
    "/api/interactions/{id_}/replay": Rule.MEMBER,
    "/api/interactions/{id_}/replay/models": Rule.MEMBER,
    "/api/interactions/{id_}/replay/lost": Rule.MEMBER,
    "/api/stats": Rule.MEMBER,
    "/api/tools": Rule.MEMBER,
    "/api/searches": Rule.MEMBER,
    "/api/other-models": Rule.MEMBER,
    "/api/suggestions": Rule.MEMBER,
    "/api/interactions/{id_}/found": Rule.MEMBER,
    "/api/threads": Rule.MEMBER,
    "/api/threads/{id_}": Rule.MEMBER,
    "/api/export/{name}": Rule.MEMBER,
    "/api/live": Rule.MEMBER,
    "/limits": Rule.MEMBER,
    "/api/limits": Rule.MEMBER,
    "/api/limits/set": Rule.ADMIN,
    "/api/limits/unset": Rule.ADMIN,
    "/access": Rule.ADMIN,
    "/api/keys": Rule.ADMIN,
    "/api/keys/add": Rule.ADMIN,
    "/api/keys/rotate": Rule.ADMIN,
    "/api/keys/revoke": Rule.ADMIN,
    "/health": Rule.ADMIN,
    "/api/events": Rule.ADMIN,
}
"""By the path of a route, as it is declared."""

_BELOW: Final = ("/static",)
"""Routes with everything below them."""


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path) + "/.*") if path in _BELOW else compile_path(path)[0]


_EXACT: Final = {path: rule for path, rule in RULES.items() if "{" not in path and path not in _BELOW}
_PATTERNS: Final = [(_pattern(path), rule) for path, rule in RULES.items() if path not in _EXACT]


def rule_of(path: str) -> Rule:
    """The rule for a path. What has no rule is for admins."""
    exact = _EXACT.get(path)
    if exact is not None:
        return exact
    return next((rule for pattern, rule in _PATTERNS if pattern.fullmatch(path)), Rule.ADMIN)
