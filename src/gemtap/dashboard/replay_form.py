"""What a person may change in a replay, as the fields of a form."""

from __future__ import annotations

import json
from typing import Any, Final

from gemtap.interaction import Interaction, Json
from gemtap.providers.documents import dialect_of

_OFFERED: Final = 8
"""Maximum number of settings in the form, since clients may send dozens."""


def fields_of(document: Interaction) -> dict[str, Any]:
    """`changeable`: scalar generation settings as JSON text by name. `settings_path`: where the body has them."""
    settings, body = document["generation_settings"], document["request"]["body"]
    if not isinstance(settings, dict):
        return {"changeable": {}, "settings_path": ""}
    dialect = dialect_of(document)
    places = dialect.settings_at if dialect is not None else ()
    path = next((path for path in places if _holds(body, path, settings)), None)
    if path is None:
        return {"changeable": {}, "settings_path": ""}
    scalars = {name: value for name, value in settings.items() if isinstance(value, str | int | float)}
    shown = {name: json.dumps(value, ensure_ascii=False) for name, value in list(scalars.items())[:_OFFERED]}
    return {"changeable": shown, "settings_path": "".join(f"{name}." for name in path)}


def _holds(body: Json, path: tuple[str, ...], settings: dict[str, Json]) -> bool:
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    return isinstance(body, dict) and bool(settings) and all(body.get(name) == settings[name] for name in settings)
