"""What LiteLLM sees of an API: `python use_litellm.py MODEL TASK...` prints it as JSON.

Where the API is, LiteLLM learns from the environment, as `gemtap setup` says.
"""

# mypy: ignore-errors
# It runs with LiteLLM's own Python, where Gemtap's type checker does not reach.

import json
import sys

import litellm

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "weather", "description": "The weather of a city.", "parameters": SCHEMA}
TOOLS = [{"type": "function", "function": WEATHER}]


def ask(model, *messages, **options):
    return litellm.completion(model=model, messages=[*messages], num_retries=0, max_retries=0, **options)


def user(text):
    return {"role": "user", "content": text}


def generate(model):
    answer = ask(model, user("Why is the sky blue?"))
    return [answer.choices[0].message.content, answer.usage.total_tokens]


def stream(model):
    chunks = ask(model, user("Tell a story"), stream=True, stream_options={"include_usage": True})
    return [[text_of(chunk), getattr(chunk, "usage", None) and chunk.usage.total_tokens] for chunk in chunks]


def chat_with_a_call(model):
    asked = user("Call the weather tool for Paris.")
    first = ask(model, asked, tools=TOOLS).choices[0].message
    results = [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in first.tool_calls]
    second = ask(model, asked, first.model_dump(), *results, tools=TOOLS)
    calls = [[call.id, call.function.name, call.function.arguments] for call in first.tool_calls]
    return [calls, second.choices[0].message.content]


def an_error(model):
    try:
        ask(f"{model.partition('/')[0]}/error-400", user("Too much?"))
    except litellm.BadRequestError as error:
        return [error.status_code]
    raise AssertionError("no error")


def a_cancelled_stream(model):
    chunks = ask(f"{model.partition('/')[0]}/fault-stall", user("Tell a story"), stream=True)
    # The process ends before the stream does.
    return text_of(next(iter(chunks)))


def text_of(chunk):
    return "".join(choice.delta.content or "" for choice in chunk.choices)


if __name__ == "__main__":
    model, *tasks = sys.argv[1:]
    print(json.dumps({task: globals()[task](model) for task in tasks}))
