"""Modules that workers need, imported and warmed up once in the server that they are forked from."""

from __future__ import annotations

import gc
from typing import Final

import gemtap.exporters.html
import gemtap.exporters.markdown
import gemtap.recorder.assembling  # noqa: F401 - workers find it loaded
from gemtap.dashboard import markup, page_contexts  # noqa: F401

_COMMON: Final = ("bash", "c++", "css", "go", "html", "java", "javascript", "json", "python", "rust", "sql", "yaml")

for _language in _COMMON:
    # A lexer compiles its expressions at first use, which takes 0.1 s for some.
    markup.code("x = 1", _language)
markup.markdown("*x*")
# Frozen objects are not touched by the garbage collector, so their memory stays shared with the server.
gc.freeze()
# Parsed bodies have no cycles, and looking for some in all that a worker remembers takes a twentieth of its time.
gc.set_threshold(50_000, 20, 100)
