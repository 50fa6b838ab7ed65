"""What OpenAI's SDK sees of Gemini's compatible paths: `python use_openai.py BASE_URL TASK...` prints it as JSON."""

# mypy: ignore-errors
# It runs with the SDK's own Python, where Gemtap's type checker does not reach.

import json
import sys

from openai import APIStatusError, OpenAI

MODEL = "gemini-2.5-flash"
KEY = "AIzaSyCanary-0123456789_abcdefghijklmnop"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}]


def ask(client, text, **options):
    return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": text}], **options)


def generate(client):
    return shown(ask(client, "Why is the sky blue?", temperature=0.3))


def stream(client):
    chunks = ask(client, "Tell a story", stream=True, stream_options={"include_usage": True})
    return [shown(chunk) for chunk in chunks]


def chat_with_a_call(client):
    first = ask(client, "Call the weather tool for Paris.", tools=TOOLS)
    said = first.choices[0].message
    messages = [
        {"role": "user", "content": "Call the weather tool for Paris."},
        said.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": said.tool_calls[0].id, "content": "sunny"},
    ]
    return [shown(first), shown(client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS))]


def embed(client):
    made = client.embeddings.create(model="gemini-embedding-001", input=["one", "two"], dimensions=8)
    return [each.embedding for each in made.data]


def list_models(client):
    return [model.id for model in client.models.list()]


def an_error(client):
    try:
        client.with_options(max_retries=0).chat.completions.create(
            model="error-429", messages=[{"role": "user", "content": "Too much?"}]
        )
    except APIStatusError as error:
        return [error.status_code, error.body]
    raise AssertionError("no error")


def shown(answer):
    """The answer without the time at which it was made."""
    return answer.model_dump(mode="json", exclude_none=True, exclude={"created"})


if __name__ == "__main__":
    base_url, *tasks = sys.argv[1:]
    client = OpenAI(api_key=KEY, base_url=f"{base_url}/v1beta/openai/")
    print(json.dumps({task: globals()[task](client) for task in tasks}))
