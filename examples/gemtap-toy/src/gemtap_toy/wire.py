"""The toy API on the wire."""

from __future__ import annotations

import re
from typing import Final

from gemtap.providers.credential import Credential, bearer
from gemtap.providers.secrets import Declared
from gemtap.providers.wire import RawHeaders, Route, Wire, json_error


class ToyWire(Wire):
    """Everything under /toy."""

    name = "toy"
    title = "Toy"
    upstream = "https://api.toy.example"
    prefix = "toy"
    hosts = (re.compile(r"api\.toy\.example"),)
    secrets = Declared(headers=(b"authorization", b"x-toy-key"), elsewhere=("$..toy_secret",))

    def route(self, path: bytes) -> Route | None:
        """Its paths go on as they are."""
        return Route(self.name, path) if path.startswith(b"/v1/") else None

    def credential(self, path: bytes) -> Credential:
        """A bearer token."""
        return bearer("TOY_API_KEY")

    def error(self, status: int, code: str, message: str) -> tuple[RawHeaders, bytes]:
        """As OpenAI words one."""
        return json_error({"error": {"message": message, "type": code.lower()}})


WIRE: Final = ToyWire()
