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


def with_httpx(url, http2=False):
    import httpx

    with (
        httpx.Client(http2=http2, timeout=60) as client,
        client.stream("POST", url, json=BODY, headers=HEADERS) as answer,
    ):
        return "".join(answer.iter_text())


def with_httpx_http2(url):
    return with_httpx(url, http2=True)


def with_aiohttp(url):
    import aiohttp

    async def ask():
        async with (
            aiohttp.ClientSession(trust_env=True) as session,
            session.post(url, json=BODY, headers=HEADERS) as it,
        ):
            return await it.text()

    return asyncio.run(ask())


print(globals()[f"with_{sys.argv[1]}"](sys.argv[2]))
