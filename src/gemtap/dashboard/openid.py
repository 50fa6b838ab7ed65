"""Sign-in by OpenID Connect: another server says who somebody is. Needs the extra `oidc` (Authlib).

The authorization code flow with PKCE (RFC 7636), state and nonce, as OpenID Connect Core 1.0 describes it. What has to
be remembered between its two steps is in a cookie of its own, encrypted and signed: nothing is stored.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client import BaseApp, OAuth2Mixin, OpenIDMixin
from authlib.integrations.requests_client import OAuth2Session
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.errors import JoseError

FLOW_COOKIE: Final = "gemtap_openid"

FLOW_SECONDS: Final = 600
"""How long somebody may take to sign in at the other server."""

_TIMEOUT: Final = 10.0
"""Seconds for each request to the other server."""


class SignInFailed(Exception):
    """Nobody is signed in. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class OpenIdSettings:
    """How to reach the other server, and which claim is a user's name."""

    issuer: str
    client_id: str
    client_secret: Path | None
    """File of the secret; None for a public client."""
    claim: str


@dataclass(frozen=True, slots=True)
class Begun:
    """The first step of a flow."""

    url: str
    """Where the browser goes."""
    cookie: str


class OpenId:
    """One server that says who people are. Its methods wait for that server: call them in a thread."""

    def __init__(self, settings: OpenIdSettings, secret: bytes) -> None:
        """`secret`: 32 bytes, from which the key of the flow's cookies is derived. Raises OSError."""
        self._settings = settings
        key = HKDF(SHA256(), 32, salt=None, info=b"gemtap openid flow").derive(secret)
        self._fernet = Fernet(base64.urlsafe_b64encode(key))
        found = settings.client_secret.read_text("utf-8").strip() if settings.client_secret is not None else None
        self._client = _Client(
            framework=None,
            client_id=settings.client_id,
            client_secret=found,
            server_metadata_url=settings.issuer.rstrip("/") + "/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid email profile",
                "code_challenge_method": "S256",
                "default_timeout": _TIMEOUT,
                "token_endpoint_auth_method": "none" if found is None else "client_secret_basic",
            },
        )

    @property
    def name(self) -> str:
        """The other server's, for people."""
        return urlsplit(self._settings.issuer).netloc

    def begin(self, callback: str, where: str) -> Begun:
        """Begin a flow that comes back to `callback` (a URL) and leads to `where` (a path). Raises SignInFailed."""
        try:
            found = self._client.create_authorization_url(callback)
        except _FAILURES as exc:
            raise self._unreachable(exc) from exc
        state = {name: found[name] for name in ("state", "nonce", "code_verifier")}
        flow = json.dumps({**state, "callback": callback, "where": where})
        return Begun(found["url"], self._fernet.encrypt(flow.encode()).decode("ascii"))

    def finish(self, cookie: str, query: Mapping[str, str]) -> tuple[str, str]:
        """The user's name, and the path that the flow leads to. Raises SignInFailed."""
        try:
            flow = json.loads(self._fernet.decrypt(cookie, ttl=FLOW_SECONDS))
        except InvalidToken:
            raise SignInFailed(f"Signing in took longer than {FLOW_SECONDS // 60} minutes. Begin again.") from None
        if not hmac.compare_digest(query.get("state", "").encode(), flow["state"].encode()):
            raise SignInFailed("This answer belongs to another attempt to sign in. Begin again.")
        if "code" not in query:
            reason = query.get("error_description") or query.get("error") or "it sent no code"
            raise SignInFailed(f"{self._settings.issuer} did not sign you in: {reason[:300]}")
        try:
            claims = self._claims(query["code"], flow)
        except _FAILURES as exc:
            raise self._unreachable(exc) from exc
        return self._name(claims), flow["where"]

    def _claims(self, code: str, flow: Mapping[str, str]) -> Mapping[str, Any]:
        client, settings = self._client, self._settings
        token = client.fetch_access_token(flow["callback"], code=code, code_verifier=flow["code_verifier"])
        expected = {
            "iss": {"essential": True, "value": client.load_server_metadata()["issuer"]},
            "aud": {"essential": True, "value": settings.client_id},
        }
        claims = client.parse_id_token(token, flow["nonce"], claims_options=expected)
        if claims is None:
            raise ValueError("its answer has no ID token")
        if settings.claim in claims:
            return dict(claims)
        # Many servers tell names and addresses only when they are asked for them.
        told = client.userinfo(token=token)
        if told.get("sub") != claims["sub"]:
            raise ValueError("it told of somebody else")
        return {**told, **claims}

    def _name(self, claims: Mapping[str, Any]) -> str:
        claim = self._settings.claim
        name = claims.get(claim)
        if not isinstance(name, str) or not name:
            raise SignInFailed(f"{self._settings.issuer} told no {claim!r} of you: see the setting oidc_claim.")
        if claim == "email" and claims.get("email_verified") is not True:
            # Whoever may type any address there would be anybody here.
            raise SignInFailed(f"{self._settings.issuer} has not verified the address {name[:200]}.")
        return name

    def _unreachable(self, exc: Exception) -> SignInFailed:
        return SignInFailed(f"Signing in with {self._settings.issuer} failed: {str(exc)[:300] or type(exc).__name__}")


class _Client(OAuth2Mixin, OpenIDMixin, BaseApp):  # type: ignore[misc]  # Authlib has no types
    """Authlib's client, composed as its integrations do it, over requests."""

    client_cls = OAuth2Session


_FAILURES: Final = (requests.RequestException, AuthlibBaseError, JoseError, ValueError, KeyError, RuntimeError)
