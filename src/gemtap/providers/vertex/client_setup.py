"""How clients of Vertex AI are pointed at the proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.providers.instructions import Instructions

CLIENTS: Final[Mapping[str, Instructions]] = {
    "gemini-cli-vertex": Instructions(
        "gemini-cli with Vertex AI",
        "The shell",
        ("export GOOGLE_VERTEX_BASE_URL={tap}", "gemini"),
        variable="GOOGLE_VERTEX_BASE_URL={tap}",
        called=("gemini-cli",),
    ),
    "claude-code-vertex": Instructions(
        "Claude Code with Vertex AI",
        "The shell, together with CLAUDE_CODE_USE_VERTEX=1, CLOUD_ML_REGION and ANTHROPIC_VERTEX_PROJECT_ID",
        ("export ANTHROPIC_VERTEX_BASE_URL={tap}/v1", "claude"),
        "With /v1 at the end.",
        called=("Claude Code",),
    ),
    "anthropic-vertex": Instructions(
        "AnthropicVertex of Anthropic's SDK for Python",
        "In the code that creates the client, or ANTHROPIC_VERTEX_BASE_URL in the environment",
        ('client = AnthropicVertex(base_url="{tap}/v1", region="global", project_id="my-project")',),
        "With /v1 at the end.",
        called=("anthropic-python",),
    ),
}
"""By the name that `gemtap setup` takes."""
