"""HTTP libraries that know nothing of Gemtap: `python ask_over_http.py LIBRARY URL` prints the answer."""

# mypy: ignore-errors

import asyncio
import json
import sys
import urllib.request

BODY = {"contents": [{"parts": [{"text": "hello"}]}]}
HEADERS = {"x-goog-api-key": "canary"}


def with_urllib(url):
    headers = {**HEADERS, "content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(BODY).encode(), headers)) as answer:
        return answer.read().decode()


def with_requests(url):
    import requests

    return requests.post(url, json=BODY, headers=HEADERS, timeout=60).text


def with_httpx(url):
    import httpx

    with httpx.stream("POST", url, json=BODY, headers=HEADERS, timeout=60) as answer:
        return "".join(answer.iter_text())


def with_aiohttp(url):
    import aiohttp

    async def ask():
        async with (
            aiohttp.ClientSession(trust_env=True) as session,
            session.post(url, json=BODY, headers=HEADERS) as it,
        ):
            return await it.text()

    return asyncio.run(ask())


print(
    {"urllib": with_urllib, "requests": with_requests, "httpx": with_httpx, "aiohttp": with_aiohttp}[sys.argv[1]](
        sys.argv[2]
    )
)
