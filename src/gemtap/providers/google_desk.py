"""What the readers of Google's APIs have in common."""

from __future__ import annotations

from typing import Final

from gemtap.providers.credential import bearer

MAKERS: Final = {"": "google", "models": "google", "publishers/google/models": "google"}
"""What stands before the last slash of the name of a model of Google's."""

ACCESS_TOKEN: Final = bearer("CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN")
"""`gcloud auth print-access-token` gives one."""
