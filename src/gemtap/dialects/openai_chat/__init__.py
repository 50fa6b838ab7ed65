"""Chat completions and the other operations of OpenAI's API."""
