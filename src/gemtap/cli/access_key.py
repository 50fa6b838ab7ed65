"""The access key with which `gemtap run` uses the forward proxy, if that needs one."""

from __future__ import annotations

import base64
import http.client
import sys
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import typer

from gemtap.access.keys import FORM, VARIABLE
from gemtap.cli.app import Failed
from gemtap.cli.health import of_anyone

_USER: Final = "gemtap"
"""The user name in the proxy's URL: some clients send a password only together with one. Gemtap ignores it."""

_TIMEOUT: Final = 10.0


def access_key_for(tap: str, given: str | None) -> str | None:
    """The key for the proxy of this machine at an address; None if it needs none. Raises Failed.

    It is the given one, or the one that the user types where there is a terminal.
    """
    if not _is_refused(tap, None):
        return None
    key = given or _ask(tap)
    if not FORM.fullmatch(key.encode("utf-8")):
        raise Failed("This is not an access key: access keys are gt_ and 43 letters, digits, - and _.")
    if _is_refused(tap, key):
        raise Failed(
            f"The Gemtap at {tap} rejects this access key: it is wrong, expired or revoked. An administrator can "
            "make another one: gemtap keys rotate NAME."
        )
    return key


def with_access_key(tap: str, key: str | None) -> str:
    """The proxy's URL with the key as its password."""
    parts = urlsplit(tap)
    return tap if key is None else f"{parts.scheme}://{_USER}:{key}@{parts.netloc}"


def _ask(tap: str) -> str:
    if not sys.stdin.isatty():
        raise Failed(
            f"The Gemtap at {tap} requires an access key. Put yours into the variable {VARIABLE}, or use "
            "--access-key. An administrator can make one: gemtap keys add NAME."
        )
    key: str = typer.prompt(f"Access key for the Gemtap at {tap}", hide_input=True, err=True)
    return key.strip()


def _is_refused(tap: str, key: str | None) -> bool:
    """Whether the forward proxy takes no client with this key, or without one."""
    parts = urlsplit(tap)
    host, port = parts.hostname or "", parts.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=_TIMEOUT, context=of_anyone())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
    )
    shown = base64.b64encode(f"{_USER}:{key}".encode()).decode("ascii")
    headers = {} if key is None else {"Proxy-Authorization": f"Basic {shown}"}
    try:
        # It leads nowhere: the question is which error comes first.
        connection.request("GET", "http://127.0.0.1:1/", headers=headers)
        return connection.getresponse().status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
