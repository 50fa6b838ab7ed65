"""LiteLLM's log without its PostgreSQL: a callback that writes what LiteLLM would keep, one line of JSON each.

LiteLLM imports this file by its name; it runs in LiteLLM's environment, not in Gemtap's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from litellm.integrations.custom_logger import CustomLogger


class _Log(CustomLogger):  # type: ignore[misc]  # LiteLLM is not installed where types are checked
    """Keeps LiteLLM's "standard logging payload" of each call."""

    async def async_log_success_event(self, kwargs: dict[str, Any], **_: object) -> None:
        with Path("log.jsonl").open("a") as file:
            file.write(json.dumps(kwargs.get("standard_logging_object"), default=str) + "\n")


log = _Log()
