"""Wherever a credential stands in a head and however it is spelt there, it does not stand in what is kept."""

from __future__ import annotations

import json
from urllib.parse import quote, unquote_to_bytes

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
    value = quote(credential, safe="") if escaped else credential.decode().replace("&", "%26").replace("%", "%25")
    sent = before + b"&" + name.encode() + b"=" + value.encode() + b"&" + after
    kept = redact_request([], sent, PRINTS)
    assert is_clean(kept.query, credential)
    assert kept.query.startswith(before + b"&")
    assert kept.query.endswith(b"&" + after)


@given(credential=credentials, spelling=spellings, around=st.tuples(noise, noise))
def test_in_what_the_upstream_says_of_it(credential: bytes, spelling: object, around: tuple[bytes, bytes]) -> None:
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
