"""Azure OpenAI on the wire: OpenAI's operations, each resource with a host of its own."""

from __future__ import annotations

import re
from typing import Final

from gemtap.providers.credential import Credential
from gemtap.providers.openai.secrets import OPENAI
from gemtap.providers.openai.wire import ASKING
from gemtap.providers.wire import RawHeaders, Route, Wire, json_error

_PATHS: Final = re.compile(rb"/+(?:openai|models|anthropic)(?:/|$)")
"""The last two are those of other models in Azure AI Foundry."""

# Raw: what is escaped, or has any other character than these, is no resource, and can never be part of a host.
_RESOURCE: Final = re.compile(rb"/+([A-Za-z0-9][A-Za-z0-9-]{0,62})(?=/+(?:openai|models|anthropic)(?:/|$))")

_PLACEHOLDER: Final = "{resource}"

_KEY: Final = Credential(("AZURE_OPENAI_API_KEY",), "api-key")

_CODES: Final = {401: "401", 429: "429"}
"""Azure's own codes of these are the status."""


class AzureWire(Wire):
    """Azure OpenAI. A path names the resource first, or every path goes to the one that the upstream names."""

    name = "azure"
    title = "Azure OpenAI"
    upstream = "https://{resource}.openai.azure.com"
    prefix = "azure"
    hosts = (re.compile(r"[a-z0-9-]+\.(?:openai\.azure|cognitiveservices\.azure|services\.ai\.azure)\.com"),)
    secrets = OPENAI
    asking = re.compile(rb"/messages/*$|" + ASKING.pattern)
    model_in_path = re.compile(rb"/deployments/+([^/]+)")

    def route(self, path: bytes) -> Route | None:
        """`/RESOURCE/openai/...` or `/openai/...`: what follows the resource goes on as it is."""
        resource = _RESOURCE.match(path)
        if resource is not None and not _PATHS.match(path):
            return Route(self.name, path[resource.end() :], location=resource[1].decode("ascii").lower())
        return Route(self.name, path) if _PATHS.match(path) else None

    def origin(self, route: Route, configured: str) -> str:
        """The host of the resource that the path names.

        An upstream without `{resource}` is one resource's own, whatever the path names. A path that names none where
        the upstream has the placeholder leads to no host: Azure has none without a resource.
        """
        if _PLACEHOLDER not in configured:
            return configured
        return configured.replace(_PLACEHOLDER, route.location or "resource-missing-in-path")

    def credential(self, path: bytes) -> Credential:
        """A key of the resource."""
        return _KEY

    def error(self, status: int, code: str, message: str) -> tuple[RawHeaders, bytes]:
        """An error as Azure words one: a code and a message."""
        error = {"error": {"code": _CODES.get(status, code.title().replace("_", "")), "message": message}}
        return json_error(error)


WIRE: Final = AzureWire()
