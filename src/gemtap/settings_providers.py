"""The settings of providers: an upstream for each that is installed, and the definitions of those that they add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, create_model, model_validator

from gemtap.addresses import valid_origin
from gemtap.faults import meant
from gemtap.providers.definition import Definition, check_together, with_defaults
from gemtap.providers.presets import PRESETS
from gemtap.providers.registry import FAULTS, INSTALLED
from gemtap.providers.wire_check import is_usable_name
from gemtap.settings_error import SettingsError

_GROUP: Final = "providers."


class ProviderSettings(BaseModel):
    """What can be set of one provider that is installed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    upstream: Annotated[str, AfterValidator(valid_origin)]


def _installed() -> Any:
    """A model with a field for each provider that is installed.

    A plug-in that cannot be used has one too: settings that were right before it broke do not keep Gemtap from
    starting.
    """
    fields: dict[str, Any] = {
        name: (ProviderSettings, ProviderSettings(upstream=provider.wire.upstream))
        for name, provider in INSTALLED.items()
    }
    for fault in FAULTS:
        if is_usable_name(fault.name):
            fields.setdefault(fault.name, (ProviderSettings | None, None))
    return create_model("InstalledProviders", __config__=ConfigDict(frozen=True, extra="allow"), **fields)


class Providers(_installed()):  # type: ignore[misc]
    """The providers by name. An upstream is an origin, with a path prefix if need be."""

    __pydantic_extra__: dict[str, Definition]

    @model_validator(mode="before")
    @classmethod
    def _with_names(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {name: each if name in cls.model_fields else with_defaults(name, each) for name, each in given.items()}

    @model_validator(mode="after")
    def _fit_together(self) -> Providers:
        check_together(self.definitions)
        return self

    @property
    def definitions(self) -> Mapping[str, Definition]:
        """The providers that the settings add, by name."""
        return self.__pydantic_extra__ or {}

    def upstreams(self) -> dict[str, str]:
        """Provider name to upstream."""
        installed = {name: getattr(self, name).upstream for name in INSTALLED}
        return installed | {name: each.upstream for name, each in self.definitions.items()}

    def added_headers(self, environment: Mapping[str, str]) -> dict[str, list[tuple[bytes, bytes]]]:
        """The headers that the proxy adds, by the provider's name. Raises SettingsError."""
        found = {}
        for name, each in self.definitions.items():
            try:
                found[name] = each.added_headers(environment)
            except ValueError as exc:
                raise SettingsError(f"Bad setting {_GROUP}{name}.headers: {exc}.") from exc
        return found

    def with_upstreams(self, upstreams: Mapping[str, str]) -> Providers:
        """These with other upstreams, by the provider's name."""
        changed = {
            name: getattr(self, name).model_copy(update={"upstream": upstream}) for name, upstream in upstreams.items()
        }
        copied: Providers = self.model_copy(update=changed)
        return copied


def is_known(name: str) -> bool:
    """Whether a dotted name is one of a provider that the settings add: `providers.groq.upstream`."""
    group, _, rest = name.partition(".")
    provider, _, field = rest.partition(".")
    return f"{group}." == _GROUP and provider not in Providers.model_fields and field in Definition.model_fields


def is_table(name: str) -> bool:
    """Whether a dotted name is that of a provider that the settings add: `providers.groq`."""
    return name.startswith(_GROUP) and name.count(".") == 1 and name.removeprefix(_GROUP) not in Providers.model_fields


def known_names(definitions: Mapping[str, Definition]) -> Iterator[str]:
    """The dotted name of every setting of the providers that the settings add."""
    for name, each in definitions.items():
        yield from (f"{_GROUP}{name}.{field}" for field in each.model_fields_set)


def missing(name: str, field: str) -> str:
    """What is said where a provider that the settings add lacks a dialect or an upstream."""
    article = "an" if field[0] in "aeiou" else "a"
    return (
        f"providers.{name} needs {article} {field}, since no installed provider has this name."
        f"{meant(name, [*Providers.model_fields, *PRESETS])} Installed are {', '.join(INSTALLED)}; presets are "
        f"{', '.join(PRESETS)}."
    )
