"""What google-generativeai, the SDK before google-genai, sees over REST: `... BASE_URL TASK...` prints it as JSON."""

# mypy: ignore-errors
# It runs with the SDK's own Python, where Gemtap's type checker does not reach.

import json
import sys

import google.generativeai as genai
from google.api_core.exceptions import GoogleAPICallError

MODEL = "gemini-2.5-flash"
KEY = "AIzaSyCanary-0123456789_abcdefghijklmnop"


def weather(city: str) -> str:
    """What the weather is in a city."""
    return f"sunny in {city}"


def generate():
    return shown(genai.GenerativeModel(MODEL).generate_content("Why is the sky blue?"))


def stream():
    answer = genai.GenerativeModel(MODEL).generate_content("Tell a story", stream=True)
    return [chunk.text for chunk in answer] + [shown(answer)]


def chat_with_a_call():
    chat = genai.GenerativeModel(MODEL, tools=[weather]).start_chat()
    first = chat.send_message("Call the weather tool for Paris.")
    call = first.parts[0].function_call
    result = genai.protos.FunctionResponse(name=call.name, response={"result": weather(**call.args)})
    return [shown(first), shown(chat.send_message(genai.protos.Part(function_response=result)))]


def count_tokens():
    return genai.GenerativeModel(MODEL).count_tokens("How many are these?").total_tokens


def list_models():
    return [model.name for model in genai.list_models(page_size=4)]


def an_error():
    try:
        genai.GenerativeModel("error-400").generate_content("Too much?")
    except GoogleAPICallError as error:
        return [error.code, error.message.replace(base_url, "")]
    raise AssertionError("no error")


def shown(answer):
    return answer.to_dict()


if __name__ == "__main__":
    base_url, *tasks = sys.argv[1:]
    genai.configure(api_key=KEY, transport="rest", client_options={"api_endpoint": base_url})
    print(json.dumps({task: globals()[task]() for task in tasks}))
