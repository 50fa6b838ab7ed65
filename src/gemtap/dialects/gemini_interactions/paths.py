"""Operations of the Interactions API whose paths do not have collections and names by turns."""

from __future__ import annotations

from typing import Final

_OF_FILES: Final = {"GET": "list", "PUT": "upload", "POST": "upload", "DELETE": "delete", "PATCH": "update"}


def interactions_operation(method: str, segments: list[str], verb: str) -> str | None:
    """The operation of the segments after the version; None where the rules for all of Google's paths hold.

    `interactions/live` is a WebSocket, `interactions/ID/cancel` has a verb for a segment, and a file of an environment
    has its whole path in the URL: `environments/ID/files/src/main.py`.
    """
    match segments:
        case ["interactions", "live"] if not verb and method == "GET":
            return "interactions.live"
        case ["interactions", _, "cancel"] if not verb:
            return "interactions.cancel"
        case ["environments", _, "files", *_]:
            if verb == "download":
                return "environments.files.download"
            upload = "upload" if verb == "upload" else _OF_FILES.get(method)
            return f"environments.files.{upload}" if upload else None
        case _:
            return None
