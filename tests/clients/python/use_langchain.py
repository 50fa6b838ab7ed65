"""What LangChain sees: `python use_langchain.py BASE_URL TASK...` prints it as JSON."""

# mypy: ignore-errors
# It runs with LangChain's own Python, where Gemtap's type checker does not reach.

import json
import sys

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_google_genai import ChatGoogleGenerativeAI, GoogleGenerativeAIEmbeddings

KEY = "AIzaSyCanary-0123456789_abcdefghijklmnop"


@tool
def weather(city: str) -> str:
    """What the weather is in a city."""
    return f"sunny in {city}"


def chat(base_url, model="gemini-2.5-flash"):
    return ChatGoogleGenerativeAI(model=model, google_api_key=KEY, base_url=base_url, max_retries=1)


def generate(base_url):
    return shown(chat(base_url).invoke("Why is the sky blue?"))


def stream(base_url):
    return [shown(chunk) for chunk in chat(base_url).stream("Tell a story")]


def chat_with_a_call(base_url):
    model = chat(base_url).bind_tools([weather])
    messages = [HumanMessage("Call the weather tool for Paris.")]
    first = model.invoke(messages)
    (call,) = first.tool_calls
    result = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
    return [
        [each["name"] for each in first.tool_calls],
        [each["args"] for each in first.tool_calls],
        # The ids of its calls are LangChain's own, and other ones every time.
        model.invoke([*messages, first, result]).text.splitlines()[:3],
    ]


def count_tokens(base_url):
    return chat(base_url).get_num_tokens("How many are these?")


def embed(base_url):
    embeddings = GoogleGenerativeAIEmbeddings(
        model="gemini-embedding-001", google_api_key=KEY, base_url=base_url, output_dimensionality=8
    )
    return embeddings.embed_query("one")


def an_error(base_url):
    try:
        chat(base_url, "error-400").invoke("Too much?")
    except Exception as error:  # whatever class it is that LangChain makes of it
        return [type(error).__name__, str(error)]
    raise AssertionError("no error")


def shown(message):
    return {"text": message.text, "usage": message.usage_metadata, "finish": message.response_metadata}


if __name__ == "__main__":
    base_url, *tasks = sys.argv[1:]
    print(json.dumps({task: globals()[task](base_url) for task in tasks}))
