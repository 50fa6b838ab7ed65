"""What LangChain sees of Anthropic's API: `python use_langchain_anthropic.py BASE_URL TASK...` prints it as JSON."""

# mypy: ignore-errors
# It runs with LangChain's own Python, where Gemtap's type checker does not reach.

import json
import sys

from anthropic import APIStatusError
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool

KEY = "sk-ant-api03-canary-0123456789"
MODEL = "claude-sonnet-4-6"


@tool
def weather(city: str) -> str:
    """What the weather is in a city."""
    return f"sunny in {city}"


def model(base_url, name=MODEL, **options):
    return ChatAnthropic(model=name, api_key=KEY, base_url=base_url, max_retries=0, max_tokens=2048, **options)


def generate(base_url):
    return shown(model(base_url).invoke("Why is the sky blue?"))


def stream(base_url):
    return [shown(chunk) for chunk in model(base_url).stream("Tell a story")]


def think(base_url):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    return model(base_url, thinking=thinking).invoke("Think.").content


def chat_with_a_call(base_url):
    bound = model(base_url).bind_tools([weather])
    messages = [HumanMessage("Call the weather tool for Paris.")]
    first = bound.invoke(messages)
    results = [ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"]) for call in first.tool_calls]
    return [shown(first), shown(bound.invoke([*messages, first, *results]))]


def an_error(base_url):
    try:
        model(base_url, "error-529").invoke("Too much?")
    except APIStatusError as error:
        return [error.status_code, error.body]
    raise AssertionError("no error")


def a_cancelled_stream(base_url):
    chunks = model(base_url, "fault-stall").stream("Tell a story")
    first = shown(next(chunks))
    chunks.close()
    return first


def shown(message):
    return [message.text, message.tool_calls, message.usage_metadata]


if __name__ == "__main__":
    base_url, *tasks = sys.argv[1:]
    print(json.dumps({task: globals()[task](base_url) for task in tasks}))
