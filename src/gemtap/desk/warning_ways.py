"""The ways by which a warning leaves Gemtap: a webhook and a command of the user's.

They run one after another beside everything else, each with a time limit. What fails is logged and not tried again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shlex
import signal
from contextlib import suppress
from typing import Any, Final

from gemtap.addresses import origin_of
from gemtap.incident import Incident
from gemtap.interaction import to_json
from gemtap.settings import Settings

_log = logging.getLogger(__name__)

_MOST: Final = 100
"""Warnings that may wait. More of them are stored and shown, and not told here."""

_WEBHOOK_SECONDS: Final = 10.0
_COMMAND_SECONDS: Final = 30.0


class WarningWays:
    """Tells warnings by `warn_webhook` and `warn_command`."""

    def __init__(self, settings: Settings) -> None:
        self._webhook = settings.warn_webhook
        self._command = shlex.split(settings.warn_command)
        self._waiting: asyncio.Queue[Incident] = asyncio.Queue(_MOST)

    def tell(self, incident: Incident) -> None:
        """Tell it as soon as those before it are told."""
        if not self._webhook and not self._command:
            return
        try:
            self._waiting.put_nowait(incident)
        except asyncio.QueueFull:
            _log.error("%d warnings wait for warn_webhook or warn_command: one is not told there", _MOST)

    async def run(self) -> None:
        """Tell what is given to `tell`, until cancelled."""
        while True:
            body = _body(await self._waiting.get())
            if self._webhook:
                await self._post(body)
            if self._command:
                await self._run_command(body)

    async def _post(self, body: dict[str, Any]) -> None:
        # Imported here: most have no webhook, and it takes a tenth of a second.
        import httpx2

        try:
            async with asyncio.timeout(_WEBHOOK_SECONDS), httpx2.AsyncClient(timeout=_WEBHOOK_SECONDS) as client:
                answer = await client.post(self._webhook, json=body)
            if answer.status_code >= 300:
                _log.error("warn_webhook: %s answered with status %d", origin_of(self._webhook), answer.status_code)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as exc:
            # The path of a webhook is often its password, and errors may repeat it.
            _log.error("warn_webhook: %s cannot be told: %s", origin_of(self._webhook), type(exc).__name__)

    async def _run_command(self, body: dict[str, Any]) -> None:
        """Run the command with the message as its last argument, and everything as JSON on its standard input."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                body["message"],
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                # If it takes too long, what it has started ends with it.
                start_new_session=True,
            )
        except OSError as exc:
            _log.error("warn_command: %s cannot be started: %s", self._command[0], exc.strerror)
            return
        try:
            async with asyncio.timeout(_COMMAND_SECONDS):
                await process.communicate(json.dumps(body).encode())
            is_late = False
        except TimeoutError:
            is_late = True
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if is_late:
            _log.error("warn_command: %s took more than %g s, and is ended", self._command[0], _COMMAND_SECONDS)
        elif process.returncode:
            _log.error("warn_command: %s ended with exit status %d", self._command[0], process.returncode)


def _body(incident: Incident) -> dict[str, Any]:
    """What is told: the event, and its message once more as `text`, which chat programs show."""
    return to_json(incident) | {"text": f"Gemtap: {incident['message']}"}
