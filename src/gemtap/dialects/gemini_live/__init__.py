"""Gemini's Live API: WebSocket sessions."""
