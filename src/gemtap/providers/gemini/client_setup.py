"""How clients of the Gemini API are pointed at the proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.providers.instructions import Instructions

CLIENTS: Final[Mapping[str, Instructions]] = {
    "cline": Instructions(
        "Cline with Gemini",
        "Cline's settings in VS Code: API Provider “Google Gemini”, tick “Use custom base URL”",
        ("{tap}",),
        called=("Cline",),
    ),
    "roo-code": Instructions(
        "Roo Code with Gemini",
        "Roo Code's settings in VS Code: API Provider “Google Gemini”, tick “Use custom base URL”",
        ("{tap}",),
        "Without /v1beta at the end.",
        called=("Roo Code", "google-genai-js"),
    ),
    "kilo-code": Instructions(
        "Kilo Code with Gemini",
        "kilo.json",
        ('{"provider": {"google": {"options": {"baseURL": "{tap}/v1beta"}}}}',),
        "With /v1beta at the end.",
        called=("Kilo Code",),
    ),
    "opencode": Instructions(
        "opencode with Gemini",
        "opencode.json of the project, or ~/.config/opencode/opencode.json for all",
        ('{"provider": {"google": {"options": {"baseURL": "{tap}/v1beta"}}}}',),
        "With /v1beta at the end.",
        called=("opencode",),
    ),
    "continue": Instructions(
        "Continue with Gemini",
        "The shell that starts VS Code; Continue ignores apiBase for Gemini's chat",
        ("export GOOGLE_GEMINI_BASE_URL={tap}", "code ."),
        "Or in Continue's config: provider: openai, with apiBase: {tap}/v1beta/openai/",
        called=("Continue", "google-genai-js"),
    ),
    "gemini-cli": Instructions(
        "gemini-cli with an API key",
        'The shell; and in ~/.gemini/settings.json {"security": {"auth": {"selectedType": "gemini-api-key"}}}',
        ("export GOOGLE_GEMINI_BASE_URL={tap}", "gemini"),
        variable="GOOGLE_GEMINI_BASE_URL={tap}",
        called=("gemini-cli",),
    ),
    "antigravity": Instructions(
        "Antigravity (agy) with an API key",
        "The shell; it requires TLS: `gemtap serve --tls auto`, and https in the address",
        (
            "export AGY_LLM_GATEWAY_URL={tap}",
            "export AGY_LLM_GATEWAY_API_KEY=$GEMINI_API_KEY",
            "export AGY_LLM_GATEWAY_WIRE_PROTOCOL=genai",
            "export AGY_LLM_GATEWAY_CA_CERT=data/tls/ca.pem",
            "agy",
        ),
        "AGY_LLM_GATEWAY_CA_CERT needs version 1.2.15; older versions trust only the system's authorities. Based on "
        "Antigravity's documentation; not tested with the program. It may not send all of its requests there: "
        "`gemtap tail` shows which arrive.",
        called=("Antigravity",),
    ),
    "python": Instructions(
        "google-genai for Python",
        "In the code that creates the client, or GOOGLE_GEMINI_BASE_URL in the environment",
        ('client = genai.Client(http_options={"base_url": "{tap}"})',),
        "For the Live API it requires TLS: `gemtap serve --tls auto`, and https in the address.",
        called=("google-genai-python", "google-genai"),
    ),
    "javascript": Instructions(
        "@google/genai for JavaScript",
        "In the code that creates the client, or GOOGLE_GEMINI_BASE_URL in the environment",
        ('const ai = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: "{tap}" } });',),
        called=("google-genai-js", "google-genai"),
    ),
    "javascript-old": Instructions(
        "@google/generative-ai for JavaScript (the old SDK)",
        "In the code that creates the model, as the second argument",
        ('const model = ai.getGenerativeModel({ model: "gemini-2.5-flash" }, { baseUrl: "{tap}" });',),
        called=("google-generativeai-js",),
    ),
    "python-old": Instructions(
        "google-generativeai for Python (the old SDK)",
        "Before the first call",
        ('genai.configure(transport="rest", client_options={"api_endpoint": "{tap}"})',),
        called=("google-generativeai-python",),
    ),
    "langchain": Instructions(
        "LangChain with Gemini",
        "In the code that creates the model",
        ('ChatGoogleGenerativeAI(model="gemini-2.5-flash", base_url="{tap}")',),
        called=("LangChain",),
    ),
    "litellm": Instructions(
        "LiteLLM and aider with Gemini",
        "The shell, or api_base in the call",
        ("export GEMINI_API_BASE={tap}/v1beta",),
        "With /v1beta at the end.",
        called=("LiteLLM", "aider"),
    ),
    "openai": Instructions(
        "OpenAI's SDKs, on Gemini's OpenAI-compatible API",
        "In the code that creates the client; the key is a Gemini API key",
        ('client = OpenAI(base_url="{tap}/v1beta/openai/", api_key=GEMINI_API_KEY)',),
        called=("openai-python", "openai-js"),
    ),
    "any-program": Instructions(
        "Any program without a base URL",
        "The shell, or permanently the proxy settings of the program",
        (
            "# for one run",
            "gemtap run -- PROGRAM",
            "# permanently: trust Gemtap's authority, and set the HTTP and HTTPS proxy to",
            "gemtap ca trust",
            "{tap}",
        ),
        "Most desktop apps without a proxy setting read HTTPS_PROXY, which the first way sets. "
        "`gemtap ca untrust` undoes the second. See docs/interception.md.",
    ),
    "curl": Instructions(
        "curl with Gemini",
        "The shell",
        (
            'curl {tap}/v1beta/models/gemini-2.5-flash:generateContent -H "x-goog-api-key: $GEMINI_API_KEY" \\',
            '  -H \'Content-Type: application/json\' -d \'{"contents": [{"parts": [{"text": "Hello"}]}]}\'',
        ),
        called=("curl",),
    ),
}
"""By the name that `gemtap setup` takes."""
