"""What Anthropic's SDK sees of its API: `python use_anthropic.py BASE_URL TASK...` prints it as JSON."""

# mypy: ignore-errors
# It runs with the SDK's own Python, where Gemtap's type checker does not reach.

import json
import sys

from anthropic import Anthropic, APIStatusError

MODEL = "claude-sonnet-4-6"
KEY = "sk-ant-api03-canary-0123456789"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"name": "weather", "description": "The weather of a city.", "input_schema": SCHEMA}]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
THINKING = {"type": "enabled", "budget_tokens": 1024}


def ask(client, content, **options):
    options = {"model": MODEL, "max_tokens": 2048, **options}
    return client.messages.create(messages=[{"role": "user", "content": content}], **options)


def generate(client):
    return shown(ask(client, "Why is the sky blue?"))


def bytes_of_a_stream(client):
    said = [{"role": "user", "content": "Tell a story"}]
    raw = client.messages.with_streaming_response
    with raw.create(model=MODEL, max_tokens=2048, messages=said, stream=True) as response:
        return b"".join(response.iter_bytes()).decode()


def stream(client):
    said = [{"role": "user", "content": "Tell a story"}]
    with client.messages.stream(model=MODEL, max_tokens=2048, messages=said) as events:
        pieces = list(events.text_stream)
        return [pieces, shown(events.get_final_message())]


def think(client):
    return [shown(event) for event in ask(client, "Think.", thinking=THINKING, stream=True)]


def chat_with_a_call(client):
    first = ask(client, "Call the weather tool for Paris.", tools=TOOLS)
    call = first.content[-1]
    messages = [
        {"role": "user", "content": "Call the weather tool for Paris."},
        {"role": "assistant", "content": [shown(block) for block in first.content]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}]},
    ]
    second = client.messages.create(model=MODEL, max_tokens=2048, messages=messages, tools=TOOLS)
    return [shown(first), shown(second)]


def a_turn_that_pauses(client):
    first = ask(client, "Search on and on, please.", model="fault-pause")
    messages = [
        {"role": "user", "content": "Search on and on, please."},
        {"role": "assistant", "content": [shown(block) for block in first.content]},
    ]
    second = client.messages.create(model=MODEL, max_tokens=2048, messages=messages)
    rest = [*messages[1]["content"], *(shown(block) for block in second.content)]
    messages[1:] = [{"role": "assistant", "content": rest}, {"role": "user", "content": "And now?"}]
    return [shown(first), shown(second), shown(client.messages.create(model=MODEL, max_tokens=2048, messages=messages))]


def a_batch(client):
    params = {"model": MODEL, "max_tokens": 2048, "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
    made = client.messages.batches.create(requests=[{"custom_id": name, "params": params} for name in "ab"])
    ended = client.messages.batches.retrieve(made.id)
    path = f"/v1/messages/batches/{made.id}/results"
    results = [client.get(path, cast_to=str, options={"headers": {"Accept": "application/binary"}}) for _ in range(2)]
    # From the address that the batch names, which leads past Gemtap.
    own = [shown(each) for each in client.messages.batches.results(made.id)]
    listed = [batch.id for batch in client.messages.batches.list() if batch.id == made.id]
    cancelled = client.messages.batches.cancel(made.id)
    deleted = client.messages.batches.delete(made.id)
    return [*map(batch_of, (made, ended, cancelled)), *results, own, listed, shown(deleted)]


def batch_of(batch):
    """Without the address of the results, which is the API's own."""
    return {name: value for name, value in shown(batch).items() if name != "results_url"}


def an_image(client):
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    return shown(ask(client, [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]))


def count_tokens(client):
    return client.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "How many?"}]).input_tokens


def list_models(client):
    return [model.id for model in client.models.list()]


def an_error(client):
    try:
        ask(client.with_options(max_retries=0), "Too much?", model="error-529")
    except APIStatusError as error:
        return [error.status_code, error.body]
    raise AssertionError("no error")


def an_error_in_a_stream(client):
    seen = 0
    try:
        for _ in ask(client, "Go on.", model="fault-midstream-error", stream=True):
            seen += 1
    except APIStatusError as error:
        return [seen, error.body]
    raise AssertionError("no error")


def a_cancelled_stream(client):
    events = ask(client, "Tell a story", model="fault-stall", stream=True)
    first = shown(next(iter(events)))
    events.close()
    return first


def shown(answer):
    return answer.model_dump(mode="json", exclude_none=True)


if __name__ == "__main__":
    base_url, *tasks = sys.argv[1:]
    client = Anthropic(api_key=KEY, base_url=base_url)
    print(json.dumps({task: globals()[task](client) for task in tasks}))
