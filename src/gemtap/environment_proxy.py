"""The proxy for an upstream, from the environment variables `http_proxy`, `https_proxy` and `no_proxy`."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from gemtap.addresses import DEFAULT_PORTS, mask


class BadProxy(ValueError):
    """The environment names no proxy that can be used. One line: which, what is wrong, and what is right."""


def environment_proxy(url: str) -> str | None:
    """The proxy that the environment's `http_proxy`, `https_proxy` and `no_proxy` give for a URL. Raises BadProxy."""
    parsed = urlsplit(url)
    if not parsed.hostname or proxy_bypass(f"{parsed.hostname}:{parsed.port or DEFAULT_PORTS.get(parsed.scheme)}"):
        return None
    proxy = getproxies().get(parsed.scheme)
    if proxy is not None and (wrong := _wrong_with_proxy(proxy)) is not None:
        raise BadProxy(
            f"the proxy in {parsed.scheme}_proxy, {mask(proxy)}, {wrong}. "
            "Set it to an address like http://host:port, or add the upstream's host to no_proxy."
        )
    return proxy


def _wrong_with_proxy(proxy: str) -> str | None:
    scheme, separator, _ = proxy.partition("://")
    if not separator:
        return "has no scheme"
    if scheme.lower() not in ("http", "https"):
        return f"has the scheme {scheme}, and only http and https are supported"
    try:
        address = urlsplit(proxy)
        _ = address.port
    except ValueError:
        return "is no valid address"
    return None if address.hostname else "names no host"
