"""A key that Gemtap holds, hidden wherever an upstream repeats it: the client must never see it."""

from __future__ import annotations

from gemtap.capture.events import RawHeaders


class KeyMask:
    """Replaces a key by as many asterisks, so that lengths stay what they are."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self._stars = b"*" * len(key)
        self._held = b""
        """The end of the last piece, if the key may begin there."""

    def headers(self, headers: RawHeaders) -> RawHeaders:
        """Headers without the key."""
        return [(name, self.whole(value)) for name, value in headers]

    def text(self, text: str) -> str:
        """A whole message without the key."""
        return text.replace(self.key.decode("ascii"), self._stars.decode("ascii"))

    def whole(self, data: bytes) -> bytes:
        """A whole message without the key."""
        return data.replace(self.key, self._stars) if self.key in data else data

    def piece(self, piece: bytes, *, last: bool) -> bytes:
        """The next piece of a body without the key. What the key may begin with waits for the piece after it."""
        data = self.whole(self._held + piece)
        self._held = b""
        if not last:
            begun = self._begun(data)
            if begun:
                data, self._held = data[:-begun], data[-begun:]
        return data

    def _begun(self, data: bytes) -> int:
        """How many bytes at the end may be the beginning of the key."""
        for length in range(min(len(self.key) - 1, len(data)), 0, -1):
            if data.endswith(self.key[:length]):
                return length
        return 0
