"""The providers there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.providers.base import Provider
from gemtap.providers.code_assist.reader import CodeAssist
from gemtap.providers.gemini.reader import Gemini
from gemtap.providers.vertex.reader import Vertex

_ALL: Final[tuple[Provider, ...]] = (Gemini(), Vertex(), CodeAssist())

PROVIDERS: Final[Mapping[str, Provider]] = {provider.name: provider for provider in _ALL}
"""By name, which is also how the settings and the tap call them."""
