"""What workers need, imported and made ready once: by the server that they are forked from."""

from __future__ import annotations

import gc
from typing import Final

from gemtap.dashboard import markup, page_contexts  # noqa: F401 - workers find it loaded

_COMMON: Final = ("bash", "c++", "css", "go", "html", "java", "javascript", "json", "python", "rust", "sql", "yaml")

for _language in _COMMON:
    # A lexer compiles its expressions when it is first used, some for a tenth of a second.
    markup.code("x = 1", _language)
markup.markdown("*x*")
# What is never collected is never written to either, and stays shared with the server.
gc.freeze()
