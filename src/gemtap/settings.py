"""One frozen `Settings`, and what follows from it. `gemtap.settings_loading` reads it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gemtap.addresses import mask, origin_of
from gemtap.settings_error import SettingsError as SettingsError
from gemtap.settings_kinds import (
    Age,
    Command,
    LocalPath,
    LogLevel,
    Names,
    Patterns,
    Port,
    Seconds,
    Size,
    StoreUrl,
    WebhookUrl,
)
from gemtap.settings_providers import Providers as Providers
from gemtap.settings_providers import ProviderSettings as ProviderSettings
from gemtap.settings_providers import known_names
from gemtap.store_kinds import FORMS, default_url

ENV_PREFIX: Final = "GEMTAP_"


class Settings(BaseSettings):
    """Every setting of Gemtap. `load` is the way to make one."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        validate_default=True,
        hide_input_in_errors=True,  # a store URL may hold a password
    )

    host: str = Field("127.0.0.1", description="Address to listen on, for the proxy and the dashboard.")
    port: Port = Field(4360, description="Port of the proxy, for the base URL of clients.")
    dashboard_port: Port = Field(4361, description="Port of the dashboard and its API.")
    data_dir: LocalPath = Field(Path("data"), description="Folder of the spool and the embedded database.")
    store: StoreUrl = Field(
        "",
        description=f"{FORMS}. Empty: SQLite, gemtap.db in the data directory.",
    )
    providers: Providers = Field(Providers(), description="The APIs behind the proxy, each with its upstream.")
    provider_keys: LocalPath | None = Field(
        None,
        description="TOML file of the API keys that Gemtap sends in place of access keys: docs/access.md. Other "
        "keys come from the environment variables of the providers, such as GEMINI_API_KEY.",
    )
    oidc_issuer: str = Field(
        "",
        description="Address of an OpenID Connect server with which people sign in to the dashboard: docs/access.md.",
    )
    oidc_client_id: str = Field("", description="The name of this Gemtap at that server.")
    oidc_client_secret: LocalPath | None = Field(
        None, description="File of the secret that this Gemtap has at that server; none for a public client."
    )
    oidc_claim: str = Field("email", description="The claim that is a user's name: that of an access key.")
    workers: Annotated[int, Field(ge=1, le=64)] = Field(1, description="Processes that forward exchanges.")
    allowed_hosts: Names = Field(
        (), description="Names of this machine, in addition to localhost, that clients and browsers may use."
    )
    allowed_origins: Names = Field(
        (),
        description="Origins of web pages, in addition to this machine's own, that may call the proxy: https://app.example.",
    )
    published_on: str = Field(
        "",
        description="Address on which a container's ports are published, used in place of `host` to decide "
        "whether other machines can connect.",
    )
    behind_tls: bool = Field(
        False, description="A reverse proxy in front of Gemtap terminates TLS, so keys cross no network unencrypted."
    )
    tls: Literal["off", "auto"] = Field(
        "off", description="auto: serve TLS with a certificate of a local authority in the data directory."
    )
    tls_cert: LocalPath | None = Field(None, description="Certificate chain (PEM) for serving TLS.")
    tls_key: LocalPath | None = Field(None, description="Its private key (PEM).")
    tls_names: Names = Field((), description="Additional host names and addresses for the certificate of tls = auto.")
    trusted_fronts: Names = Field(
        (), description="Addresses of reverse proxies in front of Gemtap whose X-Forwarded-* headers are trusted."
    )
    forward_proxy: Literal["loopback", "off"] = Field(
        "loopback",
        description="Whether programs of this machine may use the port of the proxy as their HTTP proxy "
        "(docs/interception.md).",
    )
    tunnel_private: bool = Field(
        False, description="Whether the forward proxy also connects to addresses of this machine and the local network."
    )
    tunnel_max: int = Field(4096, ge=1, description="Tunnels of the forward proxy that are open at a time.")
    tunnel_hosts: bool = Field(
        True, description="Whether the forward proxy counts tunnels by host, in memory: /_gemtap/tunnels."
    )
    upstream_connect_timeout: Seconds = Field(10, description="Seconds to wait for a connection to an upstream.")
    upstream_silence_timeout: Seconds = Field(
        600, description="Seconds to wait for the next data of an upstream while a response is incomplete."
    )
    capture_max_body: Annotated[int, Field(ge=0)] = Field(
        256 * 2**20,
        description="Maximum bytes stored of one body. Longer bodies are cut; their size and SHA-256 are stored.",
    )
    spool_max_bytes: Annotated[int, Field(gt=0)] = Field(
        10 * 2**30, description="Maximum bytes of captures that wait for the store."
    )
    disk_min_free_bytes: Annotated[int, Field(ge=0)] = Field(
        512 * 2**20, description="Bytes of the disk that must stay free; otherwise nothing is captured."
    )
    capture_sync: Literal["second", "none", "always"] = Field(
        "second",
        description="When captures are synced to the disk, which limits what a power failure can lose: once a second; "
        "when the operating system decides (none); before each chunk is forwarded (always: one disk write per chunk).",
    )
    when_full: Literal["forward", "refuse"] = Field(
        "forward",
        description="If the spool or the disk is full: forward without recording (counted), or refuse requests (503).",
    )
    redact_patterns: Patterns = Field(
        (),
        description="Regular expressions (RE2) whose matches are removed from bodies before they are stored. If one "
        "has groups, only the groups are removed. One per line in the variable.",
    )
    redact_known_secrets: bool = Field(
        False,
        description="Remove keys of Google, OpenAI, Anthropic, GitHub and AWS, and private keys, from bodies before "
        "they are stored, such as keys that were pasted into a prompt.",
    )
    prune_older_than: Age = Field(
        "", description="Delete conversations once a day whose last turn is older: 90d. Empty: never."
    )
    prune_max_size: Size = Field(
        "", description="Delete the oldest interactions once a day until the store is no larger: 5GB. Empty: no limit."
    )
    prune_keep: str = Field(
        "",
        description="A query (docs/queries.md). Matches and their conversations are never pruned: rating:good.",
    )
    warn_webhook: WebhookUrl = Field(
        "",
        description="URL to which each warning of a limit or of an unusual rate is sent, as JSON (docs/limits.md). "
        "Empty: none.",
    )
    warn_command: Command = Field(
        "",
        description="Command that is run for each warning, with the message as its last argument and JSON on its "
        "standard input: notify-send Gemtap. Empty: none.",
    )
    shutdown_grace: Seconds = Field(30, description="Seconds to let running exchanges finish at shutdown.")
    log_level: LogLevel = Field("info", description="debug, info, warning or error.")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.port == self.dashboard_port:
            raise _conflict("dashboard_port", "port", "the proxy and the dashboard need a port each")
        if self.tls_cert is not None and self.tls_key is None:
            raise _conflict("tls_cert", "tls_key", "tls_key must be given with it")
        if self.tls_key is not None and self.tls_cert is None:
            raise _conflict("tls_key", "tls_cert", "tls_cert must be given with it")
        if self.tls == "auto" and self.tls_cert is not None:
            raise _conflict("tls_cert", "tls", "tls = auto makes its own certificate, so give one of the two")
        return self

    @model_validator(mode="after")
    def _openid_is_whole(self) -> Self:
        if self.oidc_issuer and not self.oidc_client_id:
            raise _conflict("oidc_issuer", "oidc_client_id", "oidc_client_id must be given with it")
        if self.oidc_client_id and not self.oidc_issuer:
            raise _conflict("oidc_client_id", "oidc_issuer", "oidc_issuer must be given with it")
        issuer = urlsplit(self.oidc_issuer)
        if self.oidc_issuer and issuer.scheme != "https" and not is_loopback(issuer.hostname or ""):
            raise _conflict("oidc_issuer", "oidc_issuer", "it must begin with https://, since it says who people are")
        return self

    @property
    def tls_folder(self) -> Path:
        """Where `tls = auto` keeps its authority and certificate."""
        return self.data_dir / "tls"

    @property
    def interception_folder(self) -> Path:
        """Where the authority for interception lies."""
        return self.data_dir / "interception"

    @property
    def scheme(self) -> str:
        """What the proxy speaks: http or https."""
        return "https" if self.tls == "auto" or self.tls_cert is not None else "http"

    @property
    def dashboard_scheme(self) -> str:
        """What the dashboard speaks: https where the proxy does and others than this machine may connect."""
        return self.scheme if self.is_exposed else "http"

    @property
    def is_exposed(self) -> bool:
        """Whether others than this machine can connect. That demands access keys and TLS."""
        return not is_loopback(self.published_on or self.host)

    @property
    def store_url(self) -> str:
        """The store's URL, the default filled in."""
        return self.store or default_url(self.data_dir)

    @property
    def spool_dir(self) -> Path:
        """The folder of captures."""
        return self.data_dir / "spool"

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what `load` passes: it reads the sources itself, to know where each setting came from."""
        return (named["init_settings"],) if named else sources[:1]


def _conflict(name: str, other: str, message: str) -> PydanticCustomError:
    return PydanticCustomError("conflict", message, {"settings": (name, other)})


def address_of(settings: Settings) -> str:
    """The proxy's address as clients on this machine are to be told."""
    return f"{settings.scheme}://{reachable_host(settings.host)}:{settings.port}"


def served_settings_of(settings: Settings) -> dict[str, str]:
    """Settings of a running `gemtap serve` that other commands need to know, as `shown_settings` gives them."""
    upstreams = (f"providers.{name}.upstream" for name in settings.providers.upstreams())
    return shown_settings(settings, ("host", "port", "dashboard_port", "tls", "store", *upstreams))


def every_setting(settings: Settings) -> list[str]:
    """The dotted name of every setting, those of the providers that the settings add among them."""
    return [*setting_names(), *known_names(settings.providers.definitions)]


def shown_settings(settings: Settings, names: Iterable[str]) -> dict[str, str]:
    """Settings as text by dotted name, with passwords masked."""
    return {name: _as_text(settings, name) for name in names}


def _as_text(settings: Settings, name: str) -> str:
    if name == "store":
        return mask(settings.store_url)
    if name == "warn_webhook" and settings.warn_webhook:
        return f"{origin_of(settings.warn_webhook)}/..."  # the path of a webhook is often its password
    value: object = settings
    for part in name.split("."):
        value = getattr(value, part, None)  # a provider that cannot be used may have no value
    if isinstance(value, Mapping):
        return ", ".join(value)  # names alone: the values of headers are secret
    return ", ".join(map(str, value)) if isinstance(value, tuple) else mask(str(value))


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to an address or a name that is listened on."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def dashboard_of(settings: Settings) -> str:
    """The dashboard's address as people on this machine are to be told."""
    return f"{settings.dashboard_scheme}://{reachable_host(settings.host)}:{settings.dashboard_port}/"


def reachable_host(host: str) -> str:
    """The host of a link: an address that means every interface, or loopback, is best called localhost."""
    if host in ("0.0.0.0", "::", "", "127.0.0.1", "::1"):  # noqa: S104 - compared, not bound
        return "localhost"
    return f"[{host}]" if ":" in host else host


def setting_names(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """The dotted name of every setting."""
    for name, field in model.model_fields.items():
        inner = next((kind for kind in (field.annotation, *get_args(field.annotation)) if _is_model(kind)), None)
        if inner is None:
            yield prefix + name
        else:
            yield from setting_names(inner, f"{prefix}{name}.")


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
