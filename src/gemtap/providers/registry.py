"""The providers there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.providers.base import Provider
from gemtap.providers.gemini import Gemini

PROVIDERS: Final[Mapping[str, Provider]] = {provider.name: provider for provider in (Gemini(),)}
"""By name, which is also how the settings and the tap call them."""
