"""How Google's APIs name models, for the price list."""

from __future__ import annotations

from typing import Final

MAKERS: Final = {"": "google", "models": "google", "publishers/google/models": "google"}
"""What stands before the last slash of the name of a model of Google's."""
