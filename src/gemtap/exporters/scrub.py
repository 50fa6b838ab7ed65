"""Secrets and personal data taken out of conversations. Needs detect-secrets and Presidio, the extra `scrub`.

Secrets are found by the detectors of detect-secrets, personal data by the recognisers of Presidio that are rules and
checksums: none of its language models, which find names too, and much that is none. In their place stands what it was,
such as `[removed: email address]`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

from gemtap.conversation import Conversation
from gemtap.conversation.model import Aside, Call, Grounding, Media, Message, Other, Part, Result, Text, Thought
from gemtap.exporters.base import ExportError, Report, Scrub
from gemtap.interaction import Json
from gemtap.known_secrets import KnownSecrets

_SURE: Final = 0.5
"""Minimum Presidio score. Patterns below it match any long number."""

_REMEMBERED: Final = 200
"""Number of texts. Agents send the same system instruction and tools in every conversation."""


class _Find(NamedTuple):
    start: int
    end: int
    kind: str


class _Cleaned(NamedTuple):
    text: str
    removed: list[str]
    """The kind of a removed text."""


Finder = Callable[[str], Iterator[_Find]]


def scrub_installed() -> bool:
    """Whether `make_scrub` finds its libraries, which `make extras` installs."""
    return find_spec("detect_secrets") is not None and find_spec("presidio_analyzer") is not None


def make_scrub() -> Scrub:
    """A scrubber. Raises ExportError if the libraries are not installed."""
    try:
        finders = (_key_finder(), _secret_finder(), _personal_finder())
    except ImportError as exc:
        raise ExportError("--scrub needs more libraries: `make extras`, or pip install 'gemtap[scrub]'.") from exc

    @lru_cache(_REMEMBERED)
    def cleaned(text: str) -> _Cleaned:
        return _without(text, finders)

    def scrub(conversation: Conversation, report: Report) -> Conversation:
        def clean(text: str) -> str:
            done = cleaned(text)
            report.removed.update(done.removed)
            return done.text

        return replace(
            conversation,
            system=None if conversation.system is None else clean(conversation.system),
            prompt=tuple(_message(message, clean) for message in conversation.prompt),
            answer=None if conversation.answer is None else _message(conversation.answer, clean),
            tools=tuple(
                replace(tool, description=tool.description and clean(tool.description)) for tool in conversation.tools
            ),
        )

    return scrub


def _without(text: str, finders: tuple[Finder, ...]) -> _Cleaned:
    """The text without the findings. If findings overlap, the first one names the kind, or the longer of two."""
    finds = sorted((find for finder in finders for find in finder(text)), key=lambda find: (find.start, -find.end))
    kept: list[str] = []
    removed: list[str] = []
    at = 0
    for find in finds:
        if find.end <= at:
            continue
        if find.start >= at:
            kept += (text[at : find.start], f"[removed: {find.kind}]")
            removed.append(find.kind)
        at = find.end
    return _Cleaned("".join((*kept, text[at:])), removed)


def _message(message: Message, clean: Callable[[str], str]) -> Message:
    return replace(message, parts=tuple(_part(part, clean) for part in message.parts))


def _part(part: Part, clean: Callable[[str], str]) -> Part:
    match part:
        case Text():
            return replace(part, text=clean(part.text))
        case Thought():
            text = clean(part.text)
            # Its signature is of the words as they were.
            return part if text == part.text else replace(part, text=text, signature=None)
        case Call():
            return replace(part, arguments=_value(part.arguments, clean))
        case Result():
            media = tuple(replace(each, uri=each.uri and clean(each.uri)) for each in part.media)
            return replace(part, content=_value(part.content, clean), media=media)
        case Media():
            return replace(part, uri=part.uri and clean(part.uri))
        case Other():
            return replace(part, value=_value(part.value, clean))
        case Grounding():
            sources = tuple(replace(each, title=each.title and clean(each.title)) for each in part.sources)
            return Grounding(tuple(map(clean, part.queries)), sources)
        case Aside():
            return part


def _value(value: Json, clean: Callable[[str], str]) -> Json:
    match value:
        case str():
            return clean(value)
        case list():
            return [_value(item, clean) for item in value]
        case dict():
            return {name: _value(item, clean) for name, item in value.items()}
        case _:
            return value


def _key_finder() -> Finder:
    keys = KnownSecrets()

    def find(text: str) -> Iterator[_Find]:
        raw = text.encode("utf-8", "surrogatepass")
        for start, end, kind in keys.find(raw):
            before, found = (len(part.decode("utf-8", "surrogatepass")) for part in (raw[:start], raw[start:end]))
            yield _Find(before, before + found, kind)

    return find


def _secret_finder() -> Finder:
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.filters import heuristic
    from detect_secrets.plugins.base import RegexBasedDetector
    from detect_secrets.plugins.basic_auth import BasicAuthDetector
    from detect_secrets.plugins.ip_public import IPPublicDetector
    from detect_secrets.plugins.keyword import QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP
    from detect_secrets.plugins.private_key import PrivateKeyDetector

    detectors: dict[str, Any] = get_mapping_from_secret_type_to_class()
    # The detectors' patterns are used, since detectors return only part of some secrets. Detectors that measure
    # entropy are left out: code is full of hashes that are not secrets.
    patterns: list[tuple[re.Pattern[str], int, str]] = [
        (pattern, 1 if issubclass(detector, BasicAuthDetector) else 0, str(detector.secret_type))
        for detector in detectors.values()
        if issubclass(detector, RegexBasedDetector) and detector not in (IPPublicDetector, PrivateKeyDetector)
        for pattern in detector().denylist
    ]
    keywords = [
        (pattern, group, "password or secret") for pattern, group in QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP.items()
    ]

    def find(text: str) -> Iterator[_Find]:
        at = 0
        for line in text.splitlines(keepends=True):
            for pattern, group, kind in patterns:
                for match in pattern.finditer(line):
                    yield _Find(at + match.start(group), at + match.end(group), kind)
            for pattern, group, kind in keywords:
                for match in pattern.finditer(line):
                    if match[group] and not heuristic.is_templated_secret(match[group]):
                        yield _Find(at + match.start(group), at + match.end(group), kind)
            at += len(line)

    return find


def _personal_finder() -> Finder:
    from presidio_analyzer import predefined_recognizers as rules
    from tldextract import TLDExtract

    domains = TLDExtract(suffix_list_urls=())  # the bundled list: by default the library downloads one

    class Emails(rules.EmailRecognizer):
        def validate_result(self, pattern_text: str) -> bool:
            return bool(domains(pattern_text).fqdn)

    recognisers: dict[str, Any] = {
        "email address": Emails(),
        "credit card number": rules.CreditCardRecognizer(),
        "IBAN": rules.IbanRecognizer(),
        "IP address": rules.IpRecognizer(),
        "US social security number": rules.UsSsnRecognizer(),
        "cryptocurrency address": rules.CryptoRecognizer(),
    }
    # Numbers in code look like telephone numbers, so digits must be grouped like one: STRICT_GROUPING.
    phones: Any = rules.PhoneRecognizer(leniency=2)

    def find(text: str) -> Iterator[_Find]:
        for kind, recogniser in recognisers.items():
            for each in recogniser.analyze(text, recogniser.supported_entities, None):
                if each.score >= _SURE and not (kind == "IP address" and _is_nobodys(text[each.start : each.end])):
                    yield _Find(each.start, each.end, kind)
        for each in phones.analyze(text, phones.supported_entities, None):
            if not text[each.start : each.end].isdecimal():
                yield _Find(each.start, each.end, "telephone number")

    return find


def _is_nobodys(address: str) -> bool:
    """Whether it is an address or a network, such as 10.0.0.0/8, that identifies nobody."""
    try:
        return not ipaddress.ip_network(address, strict=False).is_global
    except ValueError:
        return False
