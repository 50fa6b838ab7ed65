"""What OpenAI's SDK for Azure sees: `python use_azure_openai.py ENDPOINT TASK...` prints it as JSON."""

# mypy: ignore-errors
# It runs with the SDK's own Python, where Gemtap's type checker does not reach.

import json
import sys

from openai import APIStatusError, AzureOpenAI

DEPLOYMENT = "gpt-4o"
KEY = "azure-key-canary-0123456789abcdef"
SAID = [{"role": "user", "content": "Why is the sky blue?"}]


def shown(value):
    """Without what differs from one call to the next."""
    kept = value.model_dump()
    return {name: kept[name] for name in ("model", "choices", "usage") if name in kept}


def generate(client):
    return shown(client.chat.completions.create(model=DEPLOYMENT, messages=SAID))


def stream(client):
    options = {"stream": True, "stream_options": {"include_usage": True}}
    return [shown(chunk) for chunk in client.chat.completions.create(model=DEPLOYMENT, messages=SAID, **options)]


def an_error(client):
    try:
        client.chat.completions.create(model="error-404", messages=SAID)
    except APIStatusError as error:
        return [error.status_code, error.body]


endpoint, *tasks = sys.argv[1:]
client = AzureOpenAI(azure_endpoint=endpoint, api_key=KEY, api_version="2024-10-21", max_retries=0)
print(json.dumps({task: globals()[task](client) for task in tasks}))
