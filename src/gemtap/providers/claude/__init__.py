"""What the providers that serve Claude have in common: Anthropic's own API, and Vertex AI."""
