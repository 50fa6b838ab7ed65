"""What the settings need not say of well-known APIs: `[providers.groq] preset = "groq"`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

FREE: Final = "free"
"""In place of a price list: nothing is billed."""


@dataclass(frozen=True, slots=True)
class Preset:
    """An API that speaks another one's dialect. Each field is the default of the setting with its name."""

    title: str
    upstream: str
    prices: str
    """The maker in genai-prices, or `free`."""
    key: str
    """The environment variable that its SDKs take a key from; empty where it needs none."""
    dialect: str = "openai"


PRESETS: Final[Mapping[str, Preset]] = {
    "openrouter": Preset("OpenRouter", "https://openrouter.ai/api/v1", "openrouter", "OPENROUTER_API_KEY"),
    "groq": Preset("Groq", "https://api.groq.com/openai/v1", "groq", "GROQ_API_KEY"),
    "deepseek": Preset("DeepSeek", "https://api.deepseek.com", "deepseek", "DEEPSEEK_API_KEY"),
    "xai": Preset("xAI", "https://api.x.ai/v1", "x-ai", "XAI_API_KEY"),
    "together": Preset("Together", "https://api.together.xyz/v1", "together", "TOGETHER_API_KEY"),
    "fireworks": Preset("Fireworks", "https://api.fireworks.ai/inference/v1", "fireworks", "FIREWORKS_API_KEY"),
    "vllm": Preset("vLLM", "http://localhost:8000/v1", FREE, ""),
    "lm_studio": Preset("LM Studio", "http://localhost:1234/v1", FREE, ""),
    "llama_cpp": Preset("llama.cpp", "http://localhost:8080/v1", FREE, ""),
}
"""By name, which is also the provider's name in the settings."""
