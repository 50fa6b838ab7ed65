"""What Ollama's SDK sees: `python use_ollama.py BASE_URL TASK...` prints it as JSON."""

# mypy: ignore-errors
# It runs with the SDK's own Python, where Gemtap's type checker does not reach.

import json
import sys

from ollama import Client, ResponseError

MODEL = "qwen3"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Tells.", "parameters": PARAMETERS}}]


def ask(client, *messages, **options):
    return client.chat(model=MODEL, messages=list(messages), **options)


def chat(client):
    return ask(client, {"role": "user", "content": "Why is the sky blue?"}, options={"temperature": 0}).model_dump()


def stream(client):
    said = {"role": "user", "content": "What is this?", "images": [PIXEL]}
    return [chunk.model_dump() for chunk in ask(client, said, stream=True, think=True)]


def chat_with_a_call(client):
    question = {"role": "user", "content": "How is the weather in Paris?"}
    first = ask(client, question, tools=TOOLS)
    result = {"role": "tool", "tool_name": "weather", "content": "sunny"}
    return [first.model_dump(), ask(client, question, first.message, result, tools=TOOLS).model_dump()]


def generate(client):
    return client.generate(model=MODEL, prompt="Why?").model_dump()


def embed(client):
    return client.embed(model=MODEL, input=["one", "two"]).model_dump()


def models(client):
    return client.list().model_dump()


def an_error(client):
    try:
        client.chat(model="absent", messages=[{"role": "user", "content": "Hi"}])
    except ResponseError as error:
        return [error.status_code, error.error]


base_url, *tasks = sys.argv[1:]
client = Client(host=base_url or None)  # else where OLLAMA_HOST says
print(json.dumps({task: globals()[task](client) for task in tasks}, default=str))
