"""OpenAI's WebSocket sessions: the Realtime API, live sessions and translations, and responses over a WebSocket."""
