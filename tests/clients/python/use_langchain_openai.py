"""What LangChain sees of OpenAI's API: `python use_langchain_openai.py BASE_URL TASK...` prints it as JSON."""

# mypy: ignore-errors
# It runs with LangChain's own Python, where Gemtap's type checker does not reach.

import json
import sys

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

KEY = "sk-Canary-0123456789_abcdefghijklmnop"


@tool
def weather(city: str) -> str:
    """What the weather is in a city."""
    return f"sunny in {city}"


def model(base_url, **options):
    return ChatOpenAI(model="gpt-5", api_key=KEY, base_url=base_url, max_retries=0, **options)


def chat(base_url):
    return shown(model(base_url).invoke("Why is the sky blue?"))


def chat_stream(base_url):
    return [shown(chunk) for chunk in model(base_url, stream_usage=True).stream("Tell a story")]


def chat_with_a_call(base_url):
    bound = model(base_url).bind_tools([weather])
    messages = [HumanMessage("Call the weather tool for Paris.")]
    first = bound.invoke(messages)
    results = [ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"]) for call in first.tool_calls]
    return [shown(first), shown(bound.invoke([*messages, first, *results]))]


def respond(base_url):
    return shown(model(base_url, use_responses_api=True).invoke("Why is the sky blue?"))


def shown(message):
    return [
        message.text if isinstance(message.text, str) else message.text(),
        message.tool_calls,
        message.usage_metadata,
    ]


if __name__ == "__main__":
    base_url, *tasks = sys.argv[1:]
    print(json.dumps({task: globals()[task](base_url) for task in tasks}))
