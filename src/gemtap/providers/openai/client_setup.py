"""How clients of OpenAI's API are pointed at the proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.providers.instructions import AIDER_NAME, AIDER_NOTE, Instructions

_BASE: Final = "{tap}/openai/v1"

CLIENTS: Final[Mapping[str, Instructions]] = {
    "openai-python": Instructions(
        "openai for Python",
        "In the code that creates the client, or OPENAI_BASE_URL in the environment",
        (f'client = OpenAI(base_url="{_BASE}")',),
        called=("openai-python",),
    ),
    "openai-javascript": Instructions(
        "openai for JavaScript",
        "In the code that creates the client, or OPENAI_BASE_URL in the environment",
        (f'const client = new OpenAI({{ baseURL: "{_BASE}" }});',),
        variable="OPENAI_BASE_URL={tap}/openai/v1",
        called=("openai-js",),
    ),
    "codex": Instructions(
        "Codex",
        "~/.codex/config.toml, above the first [table]",
        (f'openai_base_url = "{_BASE}"',),
        "It takes an API key: printenv OPENAI_API_KEY | codex login --with-api-key. A login with ChatGPT uses another "
        "API, at chatgpt.com, which is not recorded. Codex holds its turns in one WebSocket session, which is one "
        "interaction, and falls back to requests.",
        called=("Codex",),
    ),
    "openai-langchain": Instructions(
        "LangChain with OpenAI",
        "In the code that creates the model, or OPENAI_BASE_URL in the environment",
        (f'ChatOpenAI(model="gpt-5", base_url="{_BASE}")',),
        called=("LangChain", "openai-python"),
    ),
    "openai-litellm": Instructions(
        "LiteLLM with OpenAI",
        "The shell, or api_base in the call",
        (f"export OPENAI_API_BASE={_BASE}",),
        called=("LiteLLM", "openai-python"),
    ),
    "openai-aider": Instructions(
        "aider with OpenAI",
        "The shell",
        (f"export OPENAI_API_BASE={_BASE}", AIDER_NAME, "aider --model openai/gpt-5"),
        AIDER_NOTE,
        called=("aider", "LiteLLM", "openai-python"),
    ),
    "openai-opencode": Instructions(
        "opencode with OpenAI",
        "opencode.json of the project, or ~/.config/opencode/opencode.json for all",
        (f'{{"provider": {{"openai": {{"options": {{"baseURL": "{_BASE}"}}}}}}}}',),
        called=("opencode",),
    ),
    "openai-cline": Instructions(
        "Cline with OpenAI",
        "Cline's settings in VS Code: API Provider “OpenAI Compatible”, as its Base URL",
        (_BASE,),
        "Cline's command takes it too, for OpenAI and compatible APIs alone: cline auth openai --baseurl.",
        called=("Cline", "openai-js", "AI SDK"),
    ),
    "openai-roo-code": Instructions(
        "Roo Code with OpenAI",
        "Roo Code's settings in VS Code: API Provider “OpenAI”, tick “Use custom base URL”",
        (_BASE,),
        called=("Roo Code", "openai-js"),
    ),
    "openai-kilo-code": Instructions(
        "Kilo Code with OpenAI",
        "kilo.json",
        (f'{{"provider": {{"openai": {{"options": {{"baseURL": "{_BASE}"}}}}}}}}',),
        called=("Kilo Code",),
    ),
    "openai-continue": Instructions(
        "Continue with OpenAI",
        "config.yaml, at the model",
        ("provider: openai", f"apiBase: {_BASE}"),
        called=("Continue", "openai-js"),
    ),
    "llm": Instructions(
        "llm",
        "The folder that `llm logs path` is in: extra-openai-models.yaml",
        ("- model_id: tapped-gpt-5", "  model_name: gpt-5", f"  api_base: {_BASE}"),
        "Then: llm -m tapped-gpt-5 'Hello'",
        called=("openai-python",),
    ),
    "openai-curl": Instructions(
        "curl with OpenAI",
        "The shell",
        (
            f'curl {_BASE}/chat/completions -H "Authorization: Bearer $OPENAI_API_KEY" \\',
            "  -H 'Content-Type: application/json' \\",
            '  -d \'{"model": "gpt-5", "messages": [{"role": "user", "content": "Hello"}]}\'',
        ),
        called=("curl",),
    ),
}
"""By the name that `gemtap setup` takes. What other APIs have instructions for too is named after this one."""
