"""How clients of Azure OpenAI are pointed at the proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.providers.instructions import Instructions

CLIENTS: Final[Mapping[str, Instructions]] = {
    "azure-openai-python": Instructions(
        "openai for Python with Azure OpenAI",
        "In the code that creates the client, or AZURE_OPENAI_ENDPOINT in the environment; RESOURCE is your resource",
        ('client = AzureOpenAI(azure_endpoint="{tap}/azure/RESOURCE", api_version="2024-10-21")',),
        called=("openai-python",),
    ),
    "azure-openai-javascript": Instructions(
        "openai for JavaScript with Azure OpenAI",
        "In the code that creates the client, or AZURE_OPENAI_ENDPOINT in the environment; RESOURCE is your resource",
        ('const client = new AzureOpenAI({ endpoint: "{tap}/azure/RESOURCE", apiVersion: "2024-10-21" });',),
        called=("openai-js",),
    ),
}
"""By the name that `gemtap setup` takes."""
