"""Gemini and other models on Vertex AI."""
