"""How clients of Anthropic's API are pointed at the proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.providers.instructions import AIDER_NAME, AIDER_NOTE, Instructions

_BATCHES: Final = (
    "batches.results downloads from the results_url of the batch, which leads past Gemtap: such results are recorded "
    "with `gemtap run`, or if they are downloaded from /v1/messages/batches/ID/results by the client's own get."
)

CLIENTS: Final[Mapping[str, Instructions]] = {
    "claude-code": Instructions(
        "Claude Code",
        'The shell; or in ~/.claude/settings.json {"env": {"ANTHROPIC_BASE_URL": "{tap}/anthropic"}}',
        ("export ANTHROPIC_BASE_URL={tap}/anthropic", "claude"),
        "Works with an API key and with a subscription. Without /v1 at the end.",
        called=("Claude Code",),
    ),
    "anthropic-python": Instructions(
        "anthropic for Python",
        "In the code that creates the client, or ANTHROPIC_BASE_URL in the environment",
        ('client = Anthropic(base_url="{tap}/anthropic")',),
        _BATCHES,
        called=("anthropic-python",),
    ),
    "anthropic-javascript": Instructions(
        "@anthropic-ai/sdk for JavaScript",
        "In the code that creates the client, or ANTHROPIC_BASE_URL in the environment",
        ('const client = new Anthropic({ baseURL: "{tap}/anthropic" });',),
        _BATCHES,
        variable="ANTHROPIC_BASE_URL={tap}/anthropic",
        called=("anthropic-js",),
    ),
    "cline": Instructions(
        "Cline with Anthropic",
        "Cline's settings in VS Code: API Provider “Anthropic”, tick “Use custom base URL”",
        ("{tap}/anthropic",),
        called=("Cline",),
    ),
    "roo-code": Instructions(
        "Roo Code with Anthropic",
        "Roo Code's settings in VS Code: API Provider “Anthropic”, tick “Use custom base URL”",
        ("{tap}/anthropic",),
        called=("Roo Code",),
    ),
    "kilo-code": Instructions(
        "Kilo Code with Anthropic",
        "kilo.json",
        ('{"provider": {"anthropic": {"options": {"baseURL": "{tap}/anthropic/v1"}}}}',),
        "With /v1 at the end.",
        called=("Kilo Code",),
    ),
    "opencode": Instructions(
        "opencode with Anthropic",
        "opencode.json of the project, or ~/.config/opencode/opencode.json for all",
        ('{"provider": {"anthropic": {"options": {"baseURL": "{tap}/anthropic/v1"}}}}',),
        "With /v1 at the end.",
        called=("opencode",),
    ),
    "continue": Instructions(
        "Continue with Anthropic",
        "Continue's config.yaml, at the model",
        ("provider: anthropic", "apiBase: {tap}/anthropic/v1/"),
        "With /v1/ at the end.",
        called=("Continue",),
    ),
    "langchain": Instructions(
        "LangChain with Anthropic",
        "In the code that creates the model",
        ('ChatAnthropic(model="claude-sonnet-4-5", base_url="{tap}/anthropic")',),
        called=("LangChain", "anthropic-python"),
    ),
    "litellm": Instructions(
        "LiteLLM with Anthropic",
        "The shell, or api_base in the call",
        ("export ANTHROPIC_API_BASE={tap}/anthropic",),
        "Without /v1 at the end.",
        called=("LiteLLM",),
    ),
    "anthropic-aider": Instructions(
        "aider with Anthropic",
        "The shell",
        ("export ANTHROPIC_API_BASE={tap}/anthropic", AIDER_NAME, "aider --model anthropic/claude-sonnet-4-6"),
        AIDER_NOTE,
        called=("aider", "LiteLLM"),
    ),
    "curl": Instructions(
        "curl with Anthropic",
        "The shell",
        (
            'curl {tap}/anthropic/v1/messages -H "x-api-key: $ANTHROPIC_API_KEY" -H "anthropic-version: 2023-06-01" \\',
            '  -H \'content-type: application/json\' -d \'{"model": "claude-haiku-4-5", "max_tokens": 200, '
            '"messages": [{"role": "user", "content": "Hello"}]}\'',
        ),
        called=("curl",),
    ),
}
"""By the name that `gemtap setup` takes."""
