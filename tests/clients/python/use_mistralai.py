"""What Mistral's SDK sees of its API: `python use_mistralai.py BASE_URL TASK...` prints it as JSON."""

# mypy: ignore-errors
# It runs with the SDK's own Python, where Gemtap's type checker does not reach.

import json
import sys

from mistralai.client import Mistral
from mistralai.client.errors import SDKError

MODEL = "mistral-medium-latest"
KEY = "mistral-canary-0123456789abcdef"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Tells.", "parameters": PARAMETERS}}]


def ask(client, *messages, **options):
    return client.chat.complete(model=MODEL, messages=list(messages), **options)


def generate(client):
    return shown(ask(client, {"role": "user", "content": "Why is the sky blue?"}, temperature=0))


def stream(client):
    said = [{"role": "user", "content": "Tell a story"}]
    with client.chat.stream(model=MODEL, messages=said) as events:
        return [shown(event.data) for event in events]


def chat_with_a_call(client):
    question = {"role": "user", "content": "Call the weather tool for Paris."}
    first = ask(client, question, tools=TOOLS)
    (call,) = first.choices[0].message.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "name": call.function.name, "content": "sunny"}
    second = ask(client, question, shown(first.choices[0].message), result, tools=TOOLS)
    return [shown(first), shown(second)]


def a_conversation(client):
    conversations = client.beta.conversations
    first = conversations.start(model=MODEL, inputs="Why is the sky blue?", instructions="Be brief.")
    second = conversations.append(conversation_id=first.conversation_id, inputs="And the sea?")
    with conversations.append_stream(conversation_id=first.conversation_id, inputs="And ice?") as events:
        return [shown(first), shown(second), [shown(event.data) for event in events]]


def a_gap_in_code(client):
    return shown(client.fim.complete(model="codestral-latest", prompt="def f(", suffix="return x"))


def an_error(client):
    try:
        client.chat.complete(model="error-400", messages=[{"role": "user", "content": "Too much?"}], retries=None)
    except SDKError as error:
        return [error.status_code, json.loads(error.body)]
    raise AssertionError("no error")


def shown(answer):
    return answer.model_dump(mode="json", exclude_none=True)


if __name__ == "__main__":
    base_url, *tasks = sys.argv[1:]
    client = Mistral(api_key=KEY, server_url=base_url)
    print(json.dumps({task: globals()[task](client) for task in tasks}))
