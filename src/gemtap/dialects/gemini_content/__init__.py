"""Requests for content as the Gemini API, Vertex AI and Code Assist take them."""
