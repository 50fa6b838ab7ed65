"""`gemtap health`, and the URLs of the running processes."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from gemtap.cli.app import Config, DataDir, Failed, app, settings_of
from gemtap.data_dir_lock import served_settings
from gemtap.settings import Settings

_TIMEOUT: Final = 5.0


@app.command()
def health(config: Config = None, data_dir: DataDir = None) -> None:
    """Exit with 0 if both processes of `gemtap serve` answer: for container engines.

    An unreachable store does not count: `/readyz` reports it.

    Example: gemtap health
    """
    settings = running(settings_of({"data_dir": data_dir}, config).settings)
    for name, url in (("proxy", tap_url(settings, "/_gemtap/health")), ("dashboard", desk_url(settings, "/healthz"))):
        answer = ask(url)
        if answer.get("status") != "ok":
            raise Failed(f"The {name} does not answer at {url}: {answer.get('error', 'it is not Gemtap')}.")
    print("ok")


def running(settings: Settings) -> Settings:
    """The settings, with the addresses of the `gemtap serve` that runs on this data directory, if one does."""
    served = served_settings(settings.data_dir)
    ports = {name: int(served[name]) for name in ("port", "dashboard_port") if served.get(name, "").isdecimal()}
    return settings.model_copy(update=ports | {name: served[name] for name in ("host", "tls") if name in served})


def tap_url(settings: Settings, path: str) -> str:
    """URL of the proxy on this machine."""
    return f"{settings.scheme}://{_local(settings.host)}:{settings.port}{path}"


def desk_url(settings: Settings, path: str) -> str:
    """URL of the dashboard on this machine."""
    return f"{settings.dashboard_scheme}://{_local(settings.host)}:{settings.dashboard_port}{path}"


def of_anyone() -> ssl.SSLContext:
    """TLS of this machine with itself, which accepts a certificate for any name."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def open_own(url: str, timeout: float, headers: Mapping[str, str] | None = None) -> Any:
    """Request a URL of a process of Gemtap on this machine, past every proxy. Raises OSError."""
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=of_anyone())
    )
    return opener.open(urllib.request.Request(url, headers=dict(headers or {})), timeout=timeout)  # noqa: S310 - its own


def ask(url: str, access_key: str | None = None) -> dict[str, Any]:
    """Request a JSON object from a process of Gemtap, whatever the status; `{"error": ...}` if there is none."""
    headers = {} if access_key is None else {"Authorization": f"Bearer {access_key}"}
    try:
        with open_own(url, _TIMEOUT, headers) as answer:
            raw = answer.read()
    except urllib.error.HTTPError as exc:
        raw = exc.read()
    except OSError as exc:
        return {"error": reason_of(exc)}
    try:
        found = json.loads(raw)
    except ValueError:
        return {"error": "it does not answer in JSON"}
    return found if isinstance(found, dict) else {"error": "it does not answer as Gemtap does"}


def reason_of(exc: OSError) -> str:
    """Why a URL cannot be reached, without the number of the error."""
    reason = getattr(exc, "reason", None) or exc
    return getattr(reason, "strerror", None) or str(reason)


def _local(host: str) -> str:
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
