"""What OpenAI's SDK for Python sees of OpenAI's API: `python use_openai_api.py BASE_URL TASK...` prints it as JSON."""

# mypy: ignore-errors
# It runs with the SDK's own Python, where Gemtap's type checker does not reach.

import base64
import io
import json
import sys

from openai import APIStatusError, OpenAI

KEY = "sk-proj-Canary-0123456789_abcdefghijklmnop"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CHAT_TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}]
TOOLS = [{"type": "function", "name": "weather", "parameters": PARAMETERS}]
CALL = "Call the weather tool for Paris."


def said(content):
    return [{"role": "user", "content": content}]


def chat(client):
    return shown(client.chat.completions.create(model="gpt-5", messages=said("Why is the sky blue?"), seed=1))


def chat_bytes(client):
    raw = client.chat.completions.with_raw_response.create(model="gpt-5", messages=said("Why is the sky blue?"))
    return raw.text


def chat_stream(client):
    options = {"stream": True, "stream_options": {"include_usage": True}}
    return [shown(chunk) for chunk in client.chat.completions.create(model="gpt-5", messages=said("Tell."), **options)]


def chat_with_a_call(client):
    first = client.chat.completions.create(model="gpt-5", messages=said(CALL), tools=CHAT_TOOLS)
    answer = first.choices[0].message
    results = [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in answer.tool_calls]
    messages = [*said(CALL), answer.model_dump(exclude_none=True), *results]
    return [shown(first), shown(client.chat.completions.create(model="gpt-5", messages=messages, tools=CHAT_TOOLS))]


def picture(client):
    content = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
    ]
    return shown(client.chat.completions.create(model="gpt-5", messages=said(content)))


def respond(client):
    first = client.responses.create(model="gpt-5", input=CALL, tools=TOOLS, reasoning={"summary": "auto"})
    results = [
        {"type": "function_call_output", "call_id": item.call_id, "output": "sunny"}
        for item in first.output
        if item.type == "function_call"
    ]
    second = client.responses.create(model="gpt-5", input=results, previous_response_id=first.id)
    return [shown(first), shown(second)]


def respond_stream(client):
    options = {"reasoning": {"summary": "auto"}, "stream": True}
    return [shown(event) for event in client.responses.create(model="gpt-5", input="Tell a story.", **options)]


def background(client):
    queued = client.responses.create(model="gpt-5", input="Dig.", background=True)
    polls = [client.responses.retrieve(queued.id) for _ in range(3)]
    return [shown(queued), *map(shown, polls)]


def background_cancelled(client):
    queued = client.responses.create(model="gpt-5", input="Dig deeper.", background=True)
    return [shown(queued), shown(client.responses.cancel(queued.id))]


def background_resumed(client):
    events = client.responses.create(model="gpt-5", input="Dig on and on.", background=True, stream=True)
    first = next(iter(events))
    events.close()
    rest = client.responses.retrieve(first.response.id, stream=True, starting_after=first.sequence_number)
    return [shown(first), [shown(event) for event in rest]]


def conversation(client):
    held = client.conversations.create(items=[{"type": "message", "role": "user", "content": "I am Ada."}])
    answers = [
        client.responses.create(model="gpt-5", input=text, conversation=held.id) for text in ("Who am I?", "And now?")
    ]
    items = list(client.conversations.items.list(held.id, order="asc"))
    return [
        shown(held),
        *map(shown, answers),
        [shown(item) for item in items],
        shown(client.conversations.delete(held.id)),
    ]


def batch(client):
    body = {"model": "gpt-5", "messages": said("Why is the sky blue?")}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    lines = "".join(json.dumps({**line, "custom_id": name}) + "\n" for name in "ab")
    file = client.files.create(file=("asked.jsonl", io.BytesIO(lines.encode())), purpose="batch")
    options = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    made = [client.batches.create(input_file_id=file.id, **options) for _ in range(2)]
    polls = [client.batches.retrieve(made[0].id) for _ in range(2)]
    results = [client.files.content(polls[-1].output_file_id).text for _ in range(2)]
    return [shown(made[0]), *map(shown, polls), *results, shown(client.batches.cancel(made[1].id))]


def embed(client):
    made = client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    return [each.embedding for each in made.data]


def sound(client):
    spoken = client.audio.speech.create(model="gpt-4o-mini-tts", voice="alloy", input="Hello.").read()
    file = ("hello.wav", io.BytesIO(spoken))
    heard = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=file)
    return [base64.b64encode(spoken).decode(), shown(heard)]


def files(client):
    sent = client.files.create(file=("notes.txt", io.BytesIO(b"Notes")), purpose="user_data")
    return [shown(sent), shown(client.files.retrieve(sent.id))]


def list_models(client):
    return [model.id for model in client.models.list()]


def an_error(client):
    try:
        client.with_options(max_retries=0).chat.completions.create(model="error-429", messages=said("Too much?"))
    except APIStatusError as error:
        return [error.status_code, error.body]
    raise AssertionError("no error")


def cancelled(client):
    stream = client.chat.completions.create(model="fault-stall", messages=said("Wait."), stream=True)
    first = shown(next(iter(stream)))
    stream.close()
    return first


def realtime(client):
    seen = []
    with client.realtime.connect(model="gpt-realtime") as session:
        session.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Why?"}]}
        )
        session.response.create()
        for event in session:
            seen.append(shown(event))
            if event.type == "response.done":
                return seen
    raise AssertionError("no answer")


def shown(answer):
    return answer.model_dump(mode="json", exclude_none=True)


if __name__ == "__main__":
    base_url, *tasks = sys.argv[1:]
    client = OpenAI(api_key=KEY, base_url=base_url)
    print(json.dumps({task: globals()[task](client) for task in tasks}))
