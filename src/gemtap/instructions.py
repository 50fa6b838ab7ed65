"""How each client is pointed at the tap: the exact lines. CLI, dashboard and docs/clients.md show this table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Instructions:
    """What a person does to one client. `{tap}` stands for the tap's address."""

    title: str
    where: str
    """Where the lines belong."""
    lines: tuple[str, ...]
    note: str = ""
    called: tuple[str, ...] = ()
    """What its interactions call it, see `gemtap.providers.clients`: some send nothing but the name of their SDK."""
    provider: str = "gemini"
    """Whose API it calls then."""

    def for_tap(self, address: str) -> Instructions:
        """The same with the tap's address filled in."""
        return replace(
            self,
            where=self.where.replace("{tap}", address),
            lines=tuple(line.replace("{tap}", address) for line in self.lines),
            note=self.note.replace("{tap}", address),
        )


CLIENTS: Final[dict[str, Instructions]] = {
    "cline": Instructions(
        "Cline",
        "Cline's settings in VS Code: API Provider “Google Gemini”, tick “Use custom base URL”",
        ("{tap}",),
        called=("Cline",),
    ),
    "roo-code": Instructions(
        "Roo Code",
        "Roo Code's settings in VS Code: API Provider “Google Gemini”, tick “Use custom base URL”",
        ("{tap}",),
        "Without /v1beta at the end.",
        called=("Roo Code", "google-genai-js"),
    ),
    "kilo-code": Instructions(
        "Kilo Code",
        "kilo.json",
        ('{"provider": {"google": {"options": {"baseURL": "{tap}/v1beta"}}}}',),
        "With /v1beta at the end.",
        called=("Kilo Code",),
    ),
    "opencode": Instructions(
        "opencode",
        "opencode.json",
        ('{"provider": {"google": {"options": {"baseURL": "{tap}/v1beta"}}}}',),
        "With /v1beta at the end.",
        called=("opencode",),
    ),
    "continue": Instructions(
        "Continue",
        "The shell that starts VS Code; Continue ignores apiBase for Gemini's chat",
        ("export GOOGLE_GEMINI_BASE_URL={tap}", "code ."),
        "Or in Continue's config: provider: openai, with apiBase: {tap}/v1beta/openai/",
        called=("Continue", "google-genai-js"),
    ),
    "gemini-cli": Instructions(
        "gemini-cli with an API key",
        'The shell; and in ~/.gemini/settings.json {"security": {"auth": {"selectedType": "gemini-api-key"}}}',
        ("export GOOGLE_GEMINI_BASE_URL={tap}", "gemini"),
        called=("gemini-cli",),
    ),
    "gemini-cli-vertex": Instructions(
        "gemini-cli with Vertex AI",
        "The shell",
        ("export GOOGLE_VERTEX_BASE_URL={tap}", "gemini"),
        called=("gemini-cli",),
        provider="vertex",
    ),
    "gemini-cli-google": Instructions(
        "gemini-cli with a Google login",
        "The shell",
        ("export CODE_ASSIST_ENDPOINT={tap}", "gemini"),
        "Without a slash at the end.",
        called=("gemini-cli",),
        provider="code_assist",
    ),
    "gemini-code-assist": Instructions(
        "Gemini Code Assist for VS Code",
        "The extension has no setting for its API's address. With the same Google account gemini-cli goes through "
        "Gemtap, also in VS Code's terminal",
        ("export CODE_ASSIST_ENDPOINT={tap}", "gemini"),
        "Without a slash at the end.",
        called=("gemini-cli",),
        provider="code_assist",
    ),
    "python": Instructions(
        "google-genai for Python",
        "Where the client is made, or GOOGLE_GEMINI_BASE_URL in the environment",
        ('client = genai.Client(http_options={"base_url": "{tap}"})',),
        "For the Live API it insists on TLS: `gemtap serve --tls auto`, and https in the address.",
        called=("google-genai-python", "google-genai"),
    ),
    "javascript": Instructions(
        "@google/genai for JavaScript",
        "Where the client is made, or GOOGLE_GEMINI_BASE_URL in the environment",
        ('const ai = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: "{tap}" } });',),
        called=("google-genai-js", "google-genai"),
    ),
    "javascript-old": Instructions(
        "@google/generative-ai for JavaScript (the old SDK)",
        "Where the model is made, as the second argument",
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
        "LangChain",
        "Where the model is made",
        ('ChatGoogleGenerativeAI(model="gemini-2.5-flash", base_url="{tap}")',),
        called=("LangChain",),
    ),
    "litellm": Instructions(
        "LiteLLM and aider",
        "The shell, or api_base in the call",
        ("export GEMINI_API_BASE={tap}/v1beta",),
        "With /v1beta at the end.",
        called=("LiteLLM", "aider"),
    ),
    "openai": Instructions(
        "OpenAI's SDKs, on Gemini's OpenAI-compatible API",
        "Where the client is made; the key is a Gemini API key",
        ('client = OpenAI(base_url="{tap}/v1beta/openai/", api_key=GEMINI_API_KEY)',),
        called=("openai-python", "openai-js"),
    ),
    "curl": Instructions(
        "curl",
        "The shell",
        (
            'curl {tap}/v1beta/models/gemini-2.5-flash:generateContent -H "x-goog-api-key: $GEMINI_API_KEY" \\',
            '  -H \'Content-Type: application/json\' -d \'{"contents": [{"parts": [{"text": "Hello"}]}]}\'',
        ),
        called=("curl",),
    ),
}
"""By the name that `gemtap setup` takes."""
