"""The google-genai SDK behaves the same with and without Gemtap, and all its calls are recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi

KEY = "AIzaSyCanary-0123456789_abcdefghijklmnop"
MODEL = "gemini-2.5-flash"
TEMPERATURE = types.GenerateContentConfig(temperature=0.3, max_output_tokens=500)


def weather(city: str) -> str:
    """Weather in a city, as a function that the model can call."""
    return f"sunny in {city}"


WITH_TOOL = types.GenerateContentConfig(
    tools=[weather], automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True)
)


def generate(client: genai.Client) -> Any:
    return client.models.generate_content(model=MODEL, contents="Why is the sky blue?", config=TEMPERATURE)


def generate_stream(client: genai.Client) -> Any:
    return list(client.models.generate_content_stream(model=MODEL, contents="Tell a story", config=TEMPERATURE))


def generate_stream_async(client: genai.Client) -> Any:
    async def collect() -> list[Any]:
        async with client.aio as aio:
            stream = await aio.models.generate_content_stream(model=MODEL, contents="And another one")
            return [chunk async for chunk in stream]

    return asyncio.run(collect())


def chat_with_a_call(client: genai.Client) -> Any:
    chat = client.chats.create(model=MODEL, config=WITH_TOOL)
    first = chat.send_message("Call the weather tool for Paris.")
    (call,) = first.function_calls or []
    result = types.Part.from_function_response(name=call.name or "", response={"result": weather("Paris")})
    return [first, chat.send_message(result)]


def count_tokens(client: genai.Client) -> Any:
    return client.models.count_tokens(model=MODEL, contents="How many are these?")


def list_models(client: genai.Client) -> Any:
    return list(client.models.list())


def an_error(client: genai.Client) -> Any:
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model="error-429", contents="Too much?")
    return caught.value.code, caught.value.status, caught.value.message, caught.value.details


def an_error_in_the_stream(client: genai.Client) -> Any:
    got: list[Any] = []
    with pytest.raises(errors.APIError) as caught:
        got.extend(client.models.generate_content_stream(model="fault-midstream-error", contents="Begin"))
    return got, caught.value.code, caught.value.message


def a_blocked_prompt(client: genai.Client) -> Any:
    return client.models.generate_content(model=MODEL, contents="BLOCKME, please")


TASKS = [
    generate,
    generate_stream,
    generate_stream_async,
    chat_with_a_call,
    count_tokens,
    list_models,
    an_error,
    an_error_in_the_stream,
    a_blocked_prompt,
]


def without_the_wire(answer: Any) -> Any:
    """The response without fields that differ between calls: the HTTP headers and the response id."""
    match answer:
        case list() | tuple():
            return [without_the_wire(item) for item in answer]
        case object(model_dump=_):
            return answer.model_dump(exclude={"sdk_http_response", "response_id", "create_time"})
        case _:
            return answer


def id_of(answer: types.GenerateContentResponse) -> str:
    """The id of the interaction that a response belongs to."""
    assert answer.sdk_http_response is not None
    headers = answer.sdk_http_response.headers or {}
    return next(value for name, value in headers.items() if name.lower() == "x-gemtap-id")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.__name__)
def test_the_sdk_sees_what_it_sees_without_gemtap(
    gemtap: RunningGemtap, api: SimulatedApi, task: Callable[[genai.Client], Any]
) -> None:
    """Every SDK call returns the same through Gemtap as directly."""
    direct = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=api.origin))
    tapped = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=gemtap.origin))
    assert without_the_wire(task(tapped)) == without_the_wire(task(direct))


def test_what_the_sdk_did_is_recorded(gemtap: RunningGemtap) -> None:
    """Prompt, settings, usage, client and timing of SDK calls are stored."""
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=gemtap.origin))
    answer = generate(client)
    chunks = generate_stream(client)

    document = gemtap.interaction(id_of(answer))
    assert document["request"]["body"]["contents"][0]["parts"] == [{"text": "Why is the sky blue?"}]
    assert document["generation_settings"] == {"temperature": 0.3, "maxOutputTokens": 500}
    assert document["response"]["body"]["candidates"][0]["content"]["parts"][0]["text"] == answer.text
    assert document["usage_metadata"]["totalTokenCount"] == answer.usage_metadata.total_token_count
    assert document["client"]["name"] == "google-genai-python"
    assert document["request_duration_ms"] >= document["timing"]["first_byte_ms"] >= 0

    document = gemtap.interaction(id_of(chunks[0]))
    assert document["streaming"] is True
    (candidate,) = document["response"]["body"]["candidates"]
    text = "".join(part["text"] for part in candidate["content"]["parts"] if not part.get("thought"))
    assert text == "".join(chunk.text or "" for chunk in chunks)
    assert document["tokens"]["total"] == chunks[-1].usage_metadata.total_token_count
    assert document["timing"]["chunks"] >= len(chunks) > 1
