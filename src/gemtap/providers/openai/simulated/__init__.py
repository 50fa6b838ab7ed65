"""A simulation of OpenAI's API: chat completions, responses, embeddings, files, models and Realtime sessions."""
