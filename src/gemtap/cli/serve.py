"""`gemtap serve`."""

from __future__ import annotations

import asyncio
import logging
import os
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from gemtap.access.key_file import KeyFile
from gemtap.access.provider_keys import ProviderKeys
from gemtap.addresses import mask
from gemtap.cli.app import Config, DataDir, Failed, StoreUrl, app, settings_of
from gemtap.providers.registry import FAULTS
from gemtap.settings import Settings, SettingsError, address_of, dashboard_of
from gemtap.settings_loading import INSTEAD_OF_INSECURE

_log = logging.getLogger(__name__)

_listening = partial(typer.Option, rich_help_panel="Listening")
_tls = partial(typer.Option, rich_help_panel="TLS")
_more = partial(typer.Option, rich_help_panel="More")


@app.command()
def serve(
    config: Config = None,
    host: Annotated[str | None, _listening(help="Address to listen on. Default: 127.0.0.1.")] = None,
    port: Annotated[int | None, _listening(help="Port of the proxy. Default: 4360.")] = None,
    dashboard_port: Annotated[int | None, _listening(help="Port of the dashboard. Default: 4361.")] = None,
    behind_tls: Annotated[
        bool | None, _listening("--behind-tls", help="A reverse proxy in front of Gemtap terminates TLS.")
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", hidden=True, help="Gone: see docs/access.md.")] = False,
    data_dir: DataDir = None,
    store: StoreUrl = None,
    upstream: Annotated[
        list[str] | None,
        typer.Option(metavar="PROVIDER=URL", help="Where requests of a provider go. Repeatable."),
    ] = None,
    tls: Annotated[str | None, _tls(metavar="auto", help="Serve TLS with a certificate that Gemtap creates.")] = None,
    tls_cert: Annotated[Path | None, _tls(help="Serve TLS with this certificate chain (PEM).")] = None,
    tls_key: Annotated[Path | None, _tls(help="The certificate's private key (PEM).")] = None,
    workers: Annotated[int | None, _more(help="Number of proxy processes. Default: 1.")] = None,
    capture_max_body: Annotated[
        int | None, _more(metavar="BYTES", help="Maximum bytes stored of one body. Default: 256 MiB.")
    ] = None,
    shutdown_grace: Annotated[
        float | None, _more(metavar="SECONDS", help="Seconds to let running requests finish. Default: 30.")
    ] = None,
    log_level: Annotated[str | None, _more(metavar="debug|info|warning|error", help="Default: info.")] = None,
) -> None:
    """Run the proxy and the dashboard until Ctrl-C.

    Every setting can also be in gemtap.toml or in a GEMTAP_* variable; docs/settings.md lists them.

    Example: gemtap serve --port 4360 --store mongodb://localhost/gemtap
    """
    if insecure:
        raise SettingsError(f"flag --insecure no longer exists. {INSTEAD_OF_INSECURE}")
    flags: dict[str, Any] = {
        "host": host,
        "port": port,
        "dashboard_port": dashboard_port,
        "behind_tls": behind_tls,
        "data_dir": data_dir,
        "store": store,
        "providers": _upstreams(upstream or []),
        "tls": tls,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "workers": workers,
        "capture_max_body": capture_max_body,
        "shutdown_grace": shutdown_grace,
        "log_level": log_level,
    }
    run(settings_of(flags, config).settings)


def run(settings: Settings) -> None:
    """Serve with these settings until told to end."""
    from gemtap.serving import log_without_passwords
    from gemtap.stores.opening import open_store
    from gemtap.supervisor import CannotServe, Supervisor
    from gemtap.upkeep.daily import retention_of
    from gemtap.upkeep.shared_lists import fetch_shared_lists

    settings.providers.added_headers(os.environ)  # the proxy must not fail for what is wrong here
    try:
        ProviderKeys(settings.provider_keys, {}, settings.providers.upstreams())
    except ValueError as exc:
        raise SettingsError(f"Bad setting {exc}.") from exc
    _check_openid(settings)
    try:
        retention_of(settings, datetime.now(UTC))
    except ValueError as exc:
        raise SettingsError(f"Bad setting prune_keep: {exc}") from exc
    try:
        description = open_store(settings.store_url).description
    except ValueError as exc:
        raise SettingsError(str(exc)) from exc
    if settings.is_exposed:
        fetch_shared_lists(settings, KeyFile(settings.data_dir))
    log_without_passwords("%(asctime)s %(levelname)s gemtap: %(message)s", settings.log_level.upper())
    for fault in FAULTS:
        _log.error("The provider %s of %s is left out: %s", fault.name, fault.origin.package, fault.reason)
    try:
        asyncio.run(Supervisor(settings, on_ready=lambda: _say_hello(settings, description)).run())
    except CannotServe as exc:
        raise Failed(str(exc)) from exc


def _check_openid(settings: Settings) -> None:
    """Raises SettingsError if the dashboard could not start with the settings of OpenID Connect."""
    if not settings.oidc_issuer:
        return
    if find_spec("authlib") is None:
        raise SettingsError("Setting oidc_issuer needs Authlib: `make extras`, or pip install 'gemtap[oidc]'.")
    if settings.oidc_client_secret is not None:
        try:
            settings.oidc_client_secret.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise SettingsError(f"Bad setting oidc_client_secret: the file cannot be read: {exc}") from exc


def _upstreams(given: list[str]) -> dict[str, dict[str, str]]:
    providers = {}
    for each in given:
        name, equals, url = each.partition("=")
        if not (name and equals and url):
            raise SettingsError(
                f"Bad flag --upstream {mask(each)}: it must be PROVIDER=URL, such as gemini=http://localhost:8080."
            )
        providers[name] = {"upstream": url}
    return providers


def _say_hello(settings: Settings, store: str) -> None:
    dashboard = dashboard_of(settings)
    lines = [
        f"Proxy:      {address_of(settings)}    set this as the base URL of your Gemini client",
        f"Dashboard:  {dashboard}",
        f"Store:      {store}",
    ]
    if settings.tls == "auto":
        authority = (settings.tls_folder / "ca.pem").absolute()
        lines += [
            f"Trust:      {authority}",
            f"            Python: SSL_CERT_FILE={authority}   Node.js: NODE_EXTRA_CA_CERTS={authority}",
        ]
    print("\n".join(lines), flush=True)
