"""A simulated Messages API, as Anthropic and Vertex AI serve it."""
