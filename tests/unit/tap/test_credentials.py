"""Wherever a credential stands in a head and however it is spelt there, it does not stand in what is kept."""

from __future__ import annotations

import json
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.tap.credentials import Fingerprints, redact_request, redact_response_headers
from gemtap.tap.scrubbing import scrub, scrub_torn

PRINTS = Fingerprints(b"secret of the fingerprints")

credentials = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=16, max_size=40).map(
    lambda text: b"canary" + text.encode()
)
header_names = st.sampled_from(
    [b"x-goog-api-key", b"authorization", b"x-api-key", b"api-key", b"proxy-authorization", b"cookie"]
)
schemes = st.sampled_from([b"", b"Bearer ", b"bearer  ", b"Token ", b"Basic "])
query_names = st.sampled_from(["key", "KEY", "access_token", "api_key", "oauth_token", "%6bey", "access%5Ftoken"])
noise = st.binary(max_size=20).map(lambda raw: raw.replace(b"&", b"").replace(b"=", b"").replace(b"#", b""))
spellings = st.sampled_from(
    [
        lambda text: text,
        lambda text: quote(text, safe=""),
        lambda text: quote(text, safe="").lower() if "%" not in text and text.islower() else quote(text, safe=""),
        lambda text: json.dumps(text)[1:-1],
        lambda text: text.replace("/", "\\/"),
        lambda text: "".join(each if each.isalnum() or each in "-_.~" else f"\\u{ord(each):04X}" for each in text),
    ]
)


def is_clean(kept: bytes, credential: bytes) -> bool:
    return credential not in kept and credential not in unquote_to_bytes(kept)


@given(name=header_names, scheme=schemes, credential=credentials, elsewhere=st.booleans())
def test_in_a_header(name: bytes, scheme: bytes, credential: bytes, elsewhere: bool) -> None:
    """Credentials in headers are replaced."""
    value = b"session=" + credential if name == b"cookie" else scheme + credential
    headers = [(b"host", b"localhost"), (name, value)]
    if elsewhere and name != b"cookie":
        headers.insert(0, (b"x-debug", b"key is " + credential + b"!"))
    kept = redact_request(headers, b"", PRINTS)
    assert all(is_clean(value, credential) for _, value in kept.headers)
    assert [each for each, _ in kept.headers] == [each for each, _ in headers]
    assert kept.key is not None


@given(name=query_names, credential=credentials, before=noise, after=noise, escaped=st.booleans())
def test_in_a_query(name: str, credential: bytes, before: bytes, after: bytes, escaped: bool) -> None:
    """Credentials in queries are replaced."""
    value = quote(credential, safe="") if escaped else credential.decode().replace("&", "%26").replace("%", "%25")
    sent = before + b"&" + name.encode() + b"=" + value.encode() + b"&" + after
    kept = redact_request([], sent, PRINTS)
    assert is_clean(kept.query, credential)
    assert kept.query.startswith(before + b"&")
    assert kept.query.endswith(b"&" + after)


@given(credential=credentials, spelling=spellings, around=st.tuples(noise, noise))
def test_in_what_the_upstream_says_of_it(credential: bytes, spelling: object, around: tuple[bytes, bytes]) -> None:
    """Credentials that the upstream repeats are replaced."""
    assert callable(spelling)
    redacted = redact_request([(b"x-goog-api-key", credential)], b"", PRINTS)
    found = redacted.found
    said = around[0] + spelling(credential.decode()).encode() + around[1]
    assert PRINTS.placeholder(credential) in scrub(said, found)
    (location, cookie) = redact_response_headers([(b"location", said), (b"set-cookie", said)], redacted)
    assert PRINTS.placeholder(credential) in location[1]
    assert is_clean(cookie[1], credential)


@given(credential=credentials, spelling=spellings, before=noise, data=st.data())
def test_in_the_torn_end_of_what_it_says(
    credential: bytes, spelling: object, before: bytes, data: st.DataObject
) -> None:
    """Not even its first half: that, and another torn at another place, would be too much already."""
    assert callable(spelling)
    found = redact_request([(b"x-goog-api-key", credential)], b"", PRINTS).found
    spelt = spelling(credential.decode()).encode()
    torn = spelt[: data.draw(st.integers(1, len(spelt)))]
    kept = scrub_torn(before + torn, found)
    assert torn not in kept.removeprefix(before) or kept == before


URLS = (
    b"https://x.test/upload/v1beta/files?upload_id=%b&upload_protocol=resumable",
    b"https://storage.googleapis.com/b/o?X-Goog-Expires=900&X-Goog-Signature=%b",
    b"https://a.blob.core.windows.net/c?sv=1&sig=%b&se=2",
    b"/v1beta/files/a?key=%b#there",
    b'<https://x.test/?access_token=%b>; rel="next"',
    b"0; url=https://x.test/?API_KEY=%b",
    b"https://x.test/?continue=https%%3A%%2F%%2Fy.test%%2F%%3Fkey%%3D%b%%26a%%3D1",
)


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(
    "name", [b"location", b"x-goog-upload-url", b"x-goog-upload-control-url", b"refresh", b"x-new"]
)
def test_in_a_url_in_a_header_of_the_answer(url: bytes, name: bytes) -> None:
    """It is replaced there, and from then on wherever else it stands in the exchange; the rest of the URL stays."""
    secret = b"canary-0123456789-secret"
    redacted = redact_request([], b"", PRINTS)
    ((_, kept),) = redact_response_headers([(name, url % secret)], redacted)
    assert kept == url % PRINTS.placeholder(secret)
    assert scrub(b"it was " + secret, redacted.found) == b"it was " + PRINTS.placeholder(secret)


def test_in_a_url_in_a_header_of_the_request() -> None:
    """Where a request came from may have a key in its URL. It is not the key of the request."""
    redacted = redact_request([(b"referer", b"https://a.test/?key=canary-0123456789")], b"alt=sse", PRINTS)
    assert redacted.headers == [(b"referer", b"https://a.test/?key=" + PRINTS.placeholder(b"canary-0123456789"))]
    assert redacted.key is None


def test_the_id_of_an_upload_is_secret_and_no_key() -> None:
    """Whoever has the URL may upload, but usage is not told by it."""
    redacted = redact_request([], b"upload_id=AbC%2F0123456789&upload_protocol=resumable", PRINTS)
    placeholder = PRINTS.placeholder(b"AbC/0123456789")
    assert redacted.query == b"upload_id=" + placeholder + b"&upload_protocol=resumable"
    assert redacted.key is None


def test_in_a_subprotocol_of_a_websocket() -> None:
    """Browsers have no other place for a key."""
    header = (b"sec-websocket-protocol", b"realtime, openai-insecure-api-key.sk-0123456789, openai-beta.realtime-v1")
    redacted = redact_request([header], b"", PRINTS)
    placeholder = PRINTS.placeholder(b"sk-0123456789")
    assert redacted.headers[0][1] == b"realtime, openai-insecure-api-key." + placeholder + b", openai-beta.realtime-v1"


@pytest.mark.parametrize(
    "value", [b"text/html; charset=utf-8", b"a=1; b=2", b"https://x.test/?keys=1&monkey=2", b"max-age=3600", b"?key="]
)
def test_other_headers_stay(value: bytes) -> None:
    """What only looks like a URL with a key is not changed."""
    redacted = redact_request([(b"x-a", value)], b"", PRINTS)
    assert redacted.headers == [(b"x-a", value)]
    assert redact_response_headers([(b"x-a", value)], redacted) == [(b"x-a", value)]
