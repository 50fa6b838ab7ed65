"""One body on its way into the capture, without credentials. What passes to the other side is never touched.

There are four cases:

- A body that is whole in one piece, as most requests are, and shows no sign of a credential is kept as it is.
- Others are cleaned piece by piece as they pass. A credential that is known from the exchange is replaced wherever it
  stands (`scrubbing`), and so is what stands at the API's secret paths (`json_masking`).
- Compressed bodies are decoded to be looked through. They are kept as they came until there is something to replace;
  from there on the cleaned text is kept, decoded.
- The bodies of operations that are made for handing over credentials are held until they are whole and known to be
  clean. Such bodies are small.

What cannot be looked through is left out: its size and its SHA-256 remain. The one exception is a decompression bomb:
it is looked through up to the limit of decoding, and kept compressed.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from gemtap.encodings import CannotDecode, DecodesTooLarge, StreamDecoder, undoable
from gemtap.providers.secrets import Paths
from gemtap.tap.credentials import Redacted
from gemtap.tap.json_masking import NOT_JSON, Masker, may_lead_to_secrets
from gemtap.tap.json_scanner import NotJson, Scanner
from gemtap.tap.scrubbing import Scrubber, may_hold, scrub
from gemtap.tap.signed_urls import UrlCleaner, clean_urls, may_be_signed

HELD: Final = 2**20
"""Bytes of a body that is held."""

_TOO_LARGE_TO_HOLD: Final = "it may hold credentials, and is larger than 1 MiB"
_WRONGLY_ENCODED: Final = "it is not encoded as its header says, and holds a credential"
_DECODED_BY_THEN: Final = 2**17
"""Bytes after which what encoded bytes hold in clear has been decoded: a block of zstd is no longer."""

_TORN: Final = "it may hold credentials, and broke off before it was whole"


class Kept(NamedTuple):
    """The bytes for the capture."""

    text: bytes
    decoded: bool = False
    """Its content-encoding is undone, and so is that of everything that follows."""


_NOTHING: Final = Kept(b"")


class CleanBody:
    """Cleans one body: `add` every piece, then `end`."""

    def __init__(
        self,
        redacted: Redacted,
        paths: Paths,
        *,
        encoding: bytes | None,
        content_type: bytes | None,
        held: bool = False,
        is_request: bool = False,
    ) -> None:
        """`held`: nothing is kept before all of it is here."""
        self._redacted = redacted
        self._paths = paths
        self._encodings = undoable(encoding.decode("latin-1")) if encoding else []
        self._is_request = is_request
        kind = (content_type or b"").partition(b";")[0].strip().lower()
        self._has_json = not kind.startswith(_NO_JSON)
        self._is_events = kind == b"text/event-stream"
        # A file of somebody's is none of an API's bodies: it has no paths.
        self._has_urls = bool(paths.paths) and not kind.startswith(_NO_TEXT)
        self._held: list[bytes] | None = [] if held else None
        self._size = 0
        self._is_begun = False
        self._decoder: StreamDecoder | None = None
        self._masker: Masker | None = None
        self._urls: UrlCleaner | None = None
        self._scrubber: Scrubber
        self._encoded_scrubber: Scrubber
        """Looks at compressed bytes as they are: plain text may stand where the encoding has come to a wrong end."""
        self._raw: list[bytes] = []
        """Pieces as they came that may not be kept yet: a credential may have begun in them."""
        self._clean: list[bytes] = []
        """What these are when they are decoded and clean."""
        self._switched = False
        self.left_out: str | None = None
        """Why everything from some place on was left out."""

    def _begin(self) -> None:
        """Make what the first piece needs that is not kept unchanged as a whole body: most bodies never do."""
        self._is_begun = True
        redacted = self._redacted
        if self._encodings:
            self._decoder = StreamDecoder(self._encodings)
        if self._has_json:
            self._masker = Masker(self._paths, redacted.take, events=self._is_events, strict=self._is_request)
        if self._has_urls:
            self._urls = UrlCleaner(redacted.take)
        self._scrubber = Scrubber(redacted.found)
        self._encoded_scrubber = Scrubber(redacted.found) if self._encodings else self._scrubber

    def _shows_nothing(self, body: bytes) -> bool:
        """Whether a whole body, as it is, certainly holds no credential."""
        return not (
            self._encodings
            or self._held is not None
            or (self._has_json and may_lead_to_secrets(self._paths, body, strict=self._is_request))
            or (self._has_urls and may_be_signed(body))
            or may_hold(body, self._redacted.found)
        )

    @property
    def changed(self) -> bool:
        """Whether what is kept differs from what passed."""
        masked = self._masker is not None and self._masker.masked
        signed = self._urls is not None and self._urls.changed
        scrubbed = self._is_begun and self._scrubber.changed
        return self._switched or masked or signed or scrubbed or self.left_out is not None

    @property
    def needs_digest(self) -> bool:
        """Whether it may have to be left out at any time, so that the digest of all of it has to be known."""
        return self._held is not None or bool(self._encodings)

    @property
    def digest(self) -> hashlib._Hash | None:
        """SHA-256 of the whole body, if it is known here."""
        return self._masker.digest if self._masker is not None and self._decoder is None else None

    def add(self, piece: bytes, *, last: bool = False) -> Kept:
        """A piece of the body has come: what may be kept now. `last`: it is the end of the body, which is whole."""
        if not self._is_begun:
            if last and self._shows_nothing(piece):
                return Kept(piece)
            self._begin()
        if self._held is not None:
            self._size += len(piece)
            if self._size > HELD:
                self._leave_out(_TOO_LARGE_TO_HOLD)
                self._held.clear()
            else:
                self._held.append(piece)
            return _NOTHING
        if self._decoder is None:
            return Kept(self._cleaned(piece))
        if self.left_out is not None:
            return _NOTHING
        self._encoded_scrubber.add(piece)
        try:
            decoded = self._decoder.add(piece)
        except DecodesTooLarge as exc:
            if self.changed:
                self._leave_out(f"it cannot be decoded: {exc}")
                return _NOTHING
            return self._kept_as_it_came(piece)
        except CannotDecode as exc:
            # Earlier output may end with the beginning of a credential, which can no longer be found.
            self._leave_out(f"it cannot be decoded: {exc}")
            return _NOTHING
        clean = self._cleaned(decoded)
        if self._switched:
            return Kept(clean, decoded=True)
        self._raw.append(piece)
        self._clean.append(clean)
        return self._kept_of_compressed()

    def _kept_as_it_came(self, piece: bytes) -> Kept:
        """A decompression bomb: no credential was found in the decoded part, and the rest is not decoded."""
        raw = b"".join((*self._raw, piece))
        self._raw.clear()
        self._clean.clear()
        self._decoder = self._masker = self._urls = None
        self._scrubber = Scrubber(self._redacted.found)
        return Kept(self._scrubber.add(raw))

    def end(self, *, whole: bool) -> Kept:
        """The body is over; `whole`: it came to its own end. What may still be kept."""
        if not self._is_begun:
            return _NOTHING
        if self._masker is not None:
            self._masker.close()
        if self._held is not None:
            return self._kept_of_held(whole=whole)
        if self.left_out is not None:
            return _NOTHING
        whole = whole and (self._decoder is None or self._decoder.finished)
        signature = self._urls.end(whole=whole) if self._urls is not None else b""
        rest = self._scrubber.add(signature) if signature else b""
        rest += self._scrubber.end(whole=whole)
        if self._decoder is None or self._switched:
            return Kept(rest, decoded=self._switched) if rest else _NOTHING
        self._encoded_scrubber.end(whole=True)
        self._clean.append(rest)
        if self._encoded_scrubber.changed and not self.changed:
            self._leave_out(_WRONGLY_ENCODED)
            return _NOTHING
        return self._kept_of_compressed()

    def _cleaned(self, text: bytes) -> bytes:
        if self._masker is not None:
            text = self._masker.add(text)
            if self._masker.fault is not None and self.left_out is None:
                self._leave_out(self._masker.fault)
        if self._urls is not None:
            text = self._urls.add(text)
        return self._scrubber.add(text)

    def _kept_of_compressed(self) -> Kept:
        if self.changed:
            self._switched = True
            kept = Kept(b"".join(self._clean), decoded=True)
        elif self._encoded_scrubber.changed and sum(map(len, self._raw)) > _DECODED_BY_THEN:
            self._leave_out(_WRONGLY_ENCODED)
            return _NOTHING
        elif self._holds or self._encoded_scrubber.holds or self._encoded_scrubber.changed:
            return _NOTHING
        else:
            kept = Kept(b"".join(self._raw))
        self._raw.clear()
        self._clean.clear()
        return kept

    @property
    def _holds(self) -> bool:
        return self._scrubber.holds or (self._urls is not None and self._urls.holds)

    def _kept_of_held(self, *, whole: bool) -> Kept:
        assert self._held is not None
        raw = b"".join(self._held)
        self._held.clear()
        if self.left_out is not None or not raw:
            return _NOTHING
        if not whole:
            self._leave_out(_TORN)
            return _NOTHING
        try:
            text = self._decoder.add(raw) if self._decoder is not None else raw
            scanner = Scanner(self._paths, self._redacted.take, alone=True)
            clean = scanner.add(text)
        except CannotDecode as exc:
            self._leave_out(f"it cannot be decoded: {exc}")
            return _NOTHING
        except NotJson:
            self._leave_out(NOT_JSON)
            return _NOTHING
        if not scanner.is_between or not scanner.has_read:
            self._leave_out(NOT_JSON)
            return _NOTHING
        clean = scrub(clean_urls(clean, self._redacted.take), self._redacted.found)
        if clean == text:
            return Kept(raw)
        self._switched = True
        return Kept(clean, decoded=self._decoder is not None)

    def _leave_out(self, why: str) -> None:
        self.left_out = why
        self._raw.clear()
        self._clean.clear()


def clean_message(message: bytes, redacted: Redacted, paths: Paths) -> bytes | None:
    """A WebSocket message without credentials; None if it cannot be searched."""
    masker = Masker(paths, redacted.take, events=False, strict=True)
    kept = masker.add(message)
    masker.close()
    return None if masker.fault is not None else scrub(clean_urls(kept, redacted.take), redacted.found)


_NO_TEXT: Final = (b"image/", b"audio/", b"video/", b"font/")
_NO_JSON: Final = (b"text/html", b"text/css", b"text/javascript", *_NO_TEXT)
"""Media types in which a quoted name means nothing."""
