"""What the readers of Google's APIs have in common."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from gemtap.providers.credential import bearer

MAKERS: Final = {"": "google", "models": "google", "publishers/google/models": "google"}
"""What stands before the last slash of the name of a model of Google's."""

ACCESS_TOKEN: Final = bearer("CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN")
"""`gcloud auth print-access-token` gives one."""

# The endpoint of endpoints/ID/chat/completions stays: its model is in the body.
_MODEL: Final = re.compile(r"(?<=/models/)[^/:?]+|(?<=/tunedModels/)[^/:?]+|(?<=/endpoints/)[^/:?]+(?=:)")


def with_model(path: str, model: str) -> str | None:
    """The raw path with another model in place of the one that it names; None where it names none."""
    found = _MODEL.search(path)
    if found is None:
        return None
    return path[: found.start()] + quote(model.rpartition("/")[2], safe="-._~@") + path[found.end() :]
