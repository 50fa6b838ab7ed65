"""Gemtap: a transparent, local logging proxy for the Gemini API and for other LLM APIs beside it."""

__version__ = "0.1.0"
