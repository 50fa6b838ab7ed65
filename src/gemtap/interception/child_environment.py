"""The variables that lead one command, and nothing else, through the forward proxy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gemtap.interception.trust_bundle import (
    ADDED,
    BUNDLES,
    IF_SET,
    STORE_PASSWORD,
    write_added,
    write_bundle,
    write_java_store,
)

_LOCAL: Final = ("localhost", "127.0.0.1", "::1")


def child_environment(
    before: Mapping[str, str], tap: str, authority: bytes, folder: Path, base_urls: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a command, made of the one `before`. Its files are written to `folder`. Raises OSError.

    `tap` is the proxy's address, `base_urls` are variables that are set where they are not.
    """
    bundle, added = folder / "authorities.pem", folder / "gemtap.pem"
    write_bundle(bundle, authority, before)
    write_added(added, authority, before)
    no_proxy = _no_proxy(before)
    changed = {
        **{name: value for name, value in base_urls.items() if not before.get(name)},
        **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), tap),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), no_proxy),
        **dict.fromkeys((*BUNDLES, *(name for name in IF_SET if before.get(name))), str(bundle)),
        ADDED: str(added),
        "NODE_USE_ENV_PROXY": "1",
    }
    if _has_java(before):
        store = folder / "java-trust-store.p12"
        write_java_store(store, bundle)
        changed["JAVA_TOOL_OPTIONS"] = _java_options(before, tap, store, no_proxy)
    return {**before, **changed}


def _no_proxy(before: Mapping[str, str]) -> str:
    given = before.get("no_proxy") or before.get("NO_PROXY") or ""
    names = [name.strip() for name in given.split(",") if name.strip()]
    return ",".join(dict.fromkeys((*names, *_LOCAL)))


def _has_java(before: Mapping[str, str]) -> bool:
    """Whether there is a Java: a JVM writes a line to stderr for the variable, and the store takes time to make."""
    return bool(before.get("JAVA_HOME")) or shutil.which("java", path=before.get("PATH", os.defpath)) is not None


def _java_options(before: Mapping[str, str], tap: str, store: Path, no_proxy: str) -> str:
    proxy = urlsplit(tap)
    # A dot in front means the domain in NO_PROXY, and a star in Java.
    hosts = "|".join(f"*{name}" if name.startswith(".") else name for name in no_proxy.split(",") if ":" not in name)
    options = [
        *before.get("JAVA_TOOL_OPTIONS", "").split(),
        f"-Dhttps.proxyHost={proxy.hostname}",
        f"-Dhttps.proxyPort={proxy.port}",
        f"-Dhttp.nonProxyHosts={hosts}",
        f"-Djavax.net.ssl.trustStore={store}",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
        f"-Djavax.net.ssl.trustStorePassword={STORE_PASSWORD}",
    ]
    return " ".join(options)
