"""The hosts of the providers: whose API a host is, and the domains that all of them lie in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from re import _constants, _parser  # the only parser of expressions that cannot differ from what `re` does
from typing import Any, Final, NamedTuple

from gemtap.providers.registry import PROVIDERS, derived, report

_LONGEST: Final = 253
"""Characters of a host name: RFC 1035, section 2.3.4."""


@derived
def _table() -> Sequence[tuple[re.Pattern[str], str]]:
    return [(host, name) for name, provider in PROVIDERS.items() for host in provider.wire.hosts]


def provider_of_host(host: str) -> str | None:
    """The name of the provider whose API a host name in lower case is; None where it is no provider's."""
    if len(host) > _LONGEST:
        return None
    return next((name for pattern, name in _table() if pattern.fullmatch(host)), None)


@derived
def provider_domains() -> Sequence[str]:
    """The DNS domains that contain the hosts of the providers, as narrow as their patterns tell; sorted.

    Hosts whose pattern names no domain of at least two labels are left out.
    """
    found: set[str] = set()
    for provider in PROVIDERS.values():
        try:
            found.update(domains_of(provider.wire.hosts))
        except Exception as exc:
            report(provider.name, exc)
    return sorted(each for each in found if not any(each.endswith(f".{other}") for other in found))


def domains_of(patterns: Iterable[re.Pattern[str]]) -> set[str]:
    """The domains that contain every name that one of the patterns matches, except those of a single label."""
    domains = set()
    for pattern in patterns:
        for ending in _endings(list(_parser.parse(pattern.pattern))):
            # What is open may go on to the left, in the middle of a label.
            domain = ending.text.partition(".")[2] if ending.is_open else ending.text
            if "." in domain.strip("."):
                domains.add(domain)
    return domains


class _Ending(NamedTuple):
    """How a name may end."""

    text: str
    is_open: bool
    """Whether unknown characters may precede it."""


def _endings(items: Sequence[Any]) -> set[_Ending]:
    """The endings of what a sequence of a parsed expression matches."""
    endings = {_Ending("", False)}
    for operation, argument in reversed(items):
        if operation in (_constants.ASSERT_NOT, _constants.ASSERT, _constants.AT):
            continue  # narrows what is matched, at most
        before = _alternatives(operation, argument)
        endings = {
            ending if ending.is_open else _Ending(each.text + ending.text, each.is_open)
            for ending in endings
            for each in before
        }
    return endings


def _alternatives(operation: Any, argument: Any) -> set[_Ending]:
    if operation is _constants.LITERAL:
        return {_Ending(chr(argument), False)}
    if operation is _constants.IN and all(kind is _constants.LITERAL for kind, _ in argument):
        return {_Ending(chr(code), False) for _, code in argument}
    if operation is _constants.SUBPATTERN:
        return _endings(list(argument[-1]))
    if operation is _constants.BRANCH:
        return {ending for branch in argument[1] for ending in _endings(list(branch))}
    if operation in (_constants.MAX_REPEAT, _constants.MIN_REPEAT) and argument[:2] == (0, 1):
        return {_Ending("", False), *_endings(list(argument[2]))}
    return {_Ending("", True)}
