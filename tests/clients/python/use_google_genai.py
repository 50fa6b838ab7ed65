"""What google-genai 2 and 3 see: `python use_google_genai.py BASE_URL TASK...` prints it as JSON, a member a task."""

# mypy: ignore-errors
# It runs with the SDK's own Python, where Gemtap's type checker does not reach.

import asyncio
import base64
import hashlib
import io
import json
import sys

from google import genai
from google.genai import errors, types

MODEL = "gemini-2.5-flash"
LIVE = "gemini-2.5-flash-live"
KEY = "AIzaSyCanary-0123456789_abcdefghijklmnop"
WEATHER = types.FunctionDeclaration(
    name="weather",
    description="What the weather is in a city.",
    parameters=types.Schema(type="OBJECT", properties={"city": types.Schema(type="STRING")}, required=["city"]),
)
TOOLS = [types.Tool(function_declarations=[WEATHER])]
MIB = 1024 * 1024


def generate(client):
    config = types.GenerateContentConfig(temperature=0.3, max_output_tokens=500)
    return shown(client.models.generate_content(model=MODEL, contents="Why is the sky blue?", config=config))


def stream(client):
    return [shown(chunk) for chunk in client.models.generate_content_stream(model=MODEL, contents="Tell a story")]


def chat_with_a_call(client):
    chat = client.chats.create(model=MODEL, config=types.GenerateContentConfig(tools=TOOLS))
    first = chat.send_message("Call the weather tool for Paris.")
    (call,) = first.function_calls
    result = types.Part.from_function_response(name=call.name, response={"result": "sunny"})
    return [shown(first), shown(chat.send_message(result))]


def count_tokens(client):
    return shown(client.models.count_tokens(model=MODEL, contents="How many are these?"))


def list_models(client):
    return [shown(model) for model in client.models.list(config={"page_size": 4})]


def an_error(client):
    try:
        client.models.generate_content(model="error-429", contents="Too much?")
    except errors.ClientError as error:
        return [error.code, error.status, error.message, error.details]
    raise AssertionError("no error")


def files(client):
    """Up, down and away; the large one goes up in two chunks."""
    small, large = b"a little\n" * 10, b"\x00\x01" * (9 * MIB // 2)
    config = types.UploadFileConfig(mime_type="text/plain", display_name="little")
    file = client.files.upload(file=io.BytesIO(small), config=config)
    chunked = client.files.upload(file=io.BytesIO(large), config=types.UploadFileConfig(mime_type="video/mp4"))
    seen = {
        "file": [file.display_name, file.mime_type, file.size_bytes, file.state, digest_of(file)],
        "chunked": [chunked.mime_type, chunked.size_bytes, digest_of(chunked) == hashlib.sha256(large).hexdigest()],
        "got": client.files.get(name=file.name).name == file.name,
        "listed": {file.name, chunked.name} <= {each.name for each in client.files.list()},
        "downloaded": client.files.download(file=file.name).decode(),
    }
    for each in (file, chunked):
        client.files.delete(name=each.name)
    return {**seen, "left": file.name in {each.name for each in client.files.list()}}


def digest_of(file):
    return base64.b64decode(file.sha256_hash).decode()


def interaction(client):
    made = client.interactions.create(model=MODEL, input="Why is the sky blue?")
    events = list(client.interactions.create(model=MODEL, input="Tell a story", stream=True))
    deltas = [event.delta for event in events if event.event_type == "step.delta"]
    return {
        "status": made.status,
        "text": "".join(each.text for step in made.steps if step.type == "model_output" for each in step.content),
        "events": [event.event_type for event in events],
        "streamed": "".join(delta.text for delta in deltas if delta.type == "text"),
    }


def live(client):
    return asyncio.run(converse(client))


async def converse(client):
    config = types.LiveConnectConfig(response_modalities=["TEXT"], tools=TOOLS)
    messages = []
    async with client.aio.live.connect(model=LIVE, config=config) as session:
        turn = types.Content(role="user", parts=[types.Part(text="What is the weather in Paris?")])
        await session.send_client_content(turns=turn, turn_complete=True)
        async for message in session.receive():
            messages.append(shown(message))
            if message.tool_call is not None:
                (call,) = message.tool_call.function_calls
                response = types.FunctionResponse(id=call.id, name=call.name, response={"result": "sunny"})
                await session.send_tool_response(function_responses=[response])
    return messages


def shown(answer):
    """The answer without the HTTP response's own headers."""
    return answer.model_dump(mode="json", exclude_none=True, exclude={"sdk_http_response"})


if __name__ == "__main__":
    base_url, *tasks = sys.argv[1:]
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=base_url))
    print(json.dumps({task: globals()[task](client) for task in tasks}))
