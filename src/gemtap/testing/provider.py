"""The contract of a provider, as tests. A package with a provider runs them with pytest:

```python
from gemtap.testing.examples import Example
from gemtap.testing.provider import ProviderContract
from gemtap_toy import PROVIDER


class TestToy(ProviderContract):
    provider = PROVIDER
    examples = (Example("POST", "/v1/chat/completions", "openai.chat.completions", request={...}, response={...}),)
```
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final

from gemtap.conversation.model import Message, Text
from gemtap.dialects.base import Dialect
from gemtap.providers.provider import Provider
from gemtap.providers.reader import Bill
from gemtap.providers.registry import CONTRACT
from gemtap.providers.wire import Route, asks_of
from gemtap.providers.wire_check import check_wire
from gemtap.simulation.received import ReceivedRequest
from gemtap.simulation.script import Begin, Send
from gemtap.testing.examples import Example

_ODD_PATHS: Final = ("/", "//", "/%ff%00", "/v1", "/v1/", "/v1//:", "/a/b/c/d/e:f?g", "/" + "x/" * 500, "/é", "")

_CODES: Final = (
    (400, "INVALID_ARGUMENT"),
    (403, "PERMISSION_DENIED"),
    (502, "UNAVAILABLE"),
    (504, "DEADLINE_EXCEEDED"),
)

_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")

_NOT_IN_THE_TAP: Final = (
    "gemtap.dialects",
    "gemtap.conversation",
    "gemtap.stores",
    "gemtap.recorder",
    "gemtap.simulation",
)


class ProviderContract:
    """Subclass it, name the subclass `Test...`, and set `provider` and `examples`."""

    provider: ClassVar[Provider]
    examples: ClassVar[Sequence[Example]] = ()
    """At least one exchange of each kind that the provider reads: with and without streaming, and an error."""

    def test_it_is_written_for_this_version(self) -> None:
        """The registry leaves out others, and wire faces without the necessary attributes."""
        assert self.provider.contract == CONTRACT
        check_wire(self.provider.wire)
        assert self.examples, "without examples, most of the contract is not tested"

    def test_importing_it_loads_no_parser(self) -> None:
        """The proxy imports the package and its wire face, so a fault of a parser cannot touch the traffic."""
        module = type(self.provider.wire).__module__
        script = f"import sys; sys.path[:] = {sys.path!r}; import {module}; print(*sys.modules, sep='\\n')"
        done = subprocess.run(  # noqa: S603 - this interpreter, and a name that is already imported
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        loaded = [name for name in done.stdout.split() if name.startswith(_NOT_IN_THE_TAP)]
        assert loaded == [], f"importing {module} loads {loaded}: import them in the function that returns the reader"

    def test_every_example_is_routed(self) -> None:
        """A path of the API has a route under the provider's prefix."""
        for example in self.examples:
            route = self.provider.wire.route(example.path.encode())
            assert route is not None, f"{example.path} has no route"
            self._check_route(route)

    def test_any_path_is_routed_or_not(self) -> None:
        """Whatever a client sends, `route` and `route_at_root` return a route or None."""
        for path in (
            *_ODD_PATHS,
            *(example.path[:end] for example in self.examples for end in range(len(example.path))),
        ):
            for found in (self.provider.wire.route(path.encode()), self.provider.wire.route_at_root(path.encode())):
                if found is not None:
                    self._check_route(found)

    def _check_route(self, route: Route) -> None:
        assert isinstance(route, Route)
        assert route.provider == self.provider.name, "a route names its provider"
        assert route.path.startswith(b"/"), f"the path {route.path!r} does not begin with a slash"
        origin = self.provider.wire.origin(route, self.provider.wire.upstream)
        assert re.fullmatch(r"https?://[^/{}?#\s]+(/[^{}?#\s]*)?", origin), f"{origin} is no origin of an upstream"

    def test_the_default_upstream_is_one_of_its_hosts(self) -> None:
        """Imports recognise exchanges with the API by `hosts`."""
        wire = self.provider.wire
        for example in self.examples:
            route = wire.route(example.path.encode())
            assert route is not None
            host = re.sub(r"^https?://|[:/].*$", "", wire.origin(route, wire.upstream).removeprefix("https://"))
            assert not wire.hosts or any(each.fullmatch(host) for each in wire.hosts), f"no pattern matches {host}"

    def test_errors_are_whole_responses(self) -> None:
        """Gemtap's own errors have a type, a length and the message."""
        wire, message = self.provider.wire, "Not reachable: “x”."
        for headers, body in (*(wire.error(*each, message) for each in _CODES), wire.limited(message, 17)):
            fields = {name.lower(): value for name, value in headers}
            assert b"content-type" in fields
            assert fields.get(b"content-length") == str(len(body)).encode(), "the content-length is wrong"
            assert "Not reachable" in body.decode(), "the message is not in the body"

    def test_limits_count_what_uses_tokens(self) -> None:
        """`asking` finds every POST of the examples whose tokens are counted, and `model_in_path` their models."""
        for example in self.examples:
            route = self.provider.wire.route(example.path.partition("?")[0].encode())
            assert route is not None
            parsed = self.provider.parse(example.exchange())
            if example.method == "POST" and parsed.tokens["total"] and self.provider.reader.counts(parsed):
                asking, model = asks_of(self.provider.wire, route.path)
                assert asking, f"limits do not count {example.path}"
                assert model is None or model in (example.model or ""), f"{model} is not the model of {example.path}"

    def test_the_credential_is_declared_secret(self) -> None:
        """What a replay sends as a credential must be replaced before anything is written to disk."""
        for example in self.examples:
            path = example.path.encode()
            credential = self.provider.reader.credential(path) or self.provider.wire.credential(path)
            if credential is not None:
                assert credential.header == credential.header.lower()
                assert credential.form.count("{}") == 1, "the form has one place for the credential"
                assert credential.variables, "a replay takes the credential from an environment variable"
                assert credential.header.encode() in self.provider.wire.secrets.headers, (
                    f"{credential.header} is not among the wire face's secrets"
                )

    def test_operations_of_the_examples(self) -> None:
        """Operation and model come from the path, and the model also from the bodies."""
        for example in self.examples:
            assert self.provider.reader.operation(example.method, example.path)[0] == example.operation
            parsed = self.provider.parse(example.exchange())
            assert (parsed.operation, parsed.model) == (example.operation, example.model), example.path

    def test_any_path_has_an_operation(self) -> None:
        """If only `unknown`."""
        for path in _ODD_PATHS:
            for method in ("GET", "POST", "DELETE", "BREW"):
                operation, model = self.provider.reader.operation(method, path)
                assert operation
                assert isinstance(model, str | None)
                for is_session in (False, True):
                    self.provider.reader.dialect(operation, is_session=is_session)

    def test_examples_are_read(self) -> None:
        """Tokens are those that are expected, and errors are found."""
        for example in self.examples:
            parsed = self.provider.parse(example.exchange())
            found = {name: count for name, count in parsed.tokens.items() if name in example.tokens}
            assert found == dict(example.tokens), example.path
            assert (parsed.error is not None) == (example.status >= 400), f"the error of {example.path}: {parsed.error}"

    def test_conversations_are_read(self) -> None:
        """Threads, exports, previews and search derive from the conversation."""
        for example, dialect in self._dialects():
            parsed = self.provider.parse(example.exchange())
            response = parsed.accumulated if parsed.accumulated is not None else example.exchange().response_json
            conversation = dialect.conversation(example.operation, example.request, response)
            if example.prompt is not None:
                assert conversation is not None, f"{example.path} is no conversation"
                assert example.prompt in _text(conversation.prompt[-1]), "the prompt is another"
            if example.answer is not None:
                assert conversation is not None
                assert conversation.answer is not None, f"{example.path} has no answer"
                assert example.answer in _text(conversation.answer), "the answer is another"

    def test_damaged_exchanges_are_read(self) -> None:
        """Whatever a body has in place of a value, and wherever it breaks off, reading it raises nothing."""
        for example, dialect in self._dialects():
            for exchange in example.damaged():
                parsed = self.provider.parse(exchange)
                assert parsed.operation
                assert all(count is None or type(count) is int for count in parsed.tokens.values()), parsed.tokens
                json.dumps([parsed.usage_metadata, parsed.generation_settings, parsed.accumulated])
                dialect.conversation(example.operation, exchange.request_json, exchange.response_json)
                dialect.media_tokens(parsed.usage_metadata)
                dialect.priced_apart(parsed.usage_metadata)

    def test_reading_depends_on_nothing_else(self) -> None:
        """The same exchange is read in the same way again."""
        for example in self.examples:
            assert self.provider.parse(example.exchange()) == self.provider.parse(example.exchange())

    def test_prices_are_none_or_more_than_nothing(self) -> None:
        """An unknown price is not a price of 0."""
        for example, dialect in self._dialects():
            parsed = self.provider.parse(example.exchange())
            apart = dialect.priced_apart(parsed.usage_metadata)
            bill = Bill(
                operation=parsed.operation,
                models=(parsed.model_version, parsed.model),
                tokens=parsed.tokens,
                priced_apart=apart,
                at=datetime.now(UTC),
                usage=parsed.usage_metadata,
                request=example.request,
                response=example.exchange().response_json if parsed.accumulated is None else parsed.accumulated,
            )
            cost = self.provider.reader.price(bill)
            assert cost is None or cost.get("missing") or (cost["usd"] or 0) > 0

    def test_another_model_in_a_path_is_read_back(self) -> None:
        """A replay with another model changes the path or the body."""
        for example in self.examples:
            changed = self.provider.reader.with_model(example.path, "another-model")
            if changed is not None:
                assert "another-model" in (self.provider.reader.operation(example.method, changed)[1] or "")

    def test_setup_leads_to_the_provider(self) -> None:
        """Instructions contain the proxy's address, with the prefix where the provider has no paths at the root.

        Those for a client without a base URL start it with `gemtap run` instead.
        """
        wire = self.provider.wire
        address = "{tap}" if wire.root_paths else f"{{tap}}/{wire.prefix}"
        for name, instructions in self.provider.reader.setup.items():
            assert re.fullmatch(r"[a-z][a-z0-9-]*", name), f"{name} is no word for a command line"
            assert instructions.title, "the title is the client's name"
            assert instructions.where, "a person has to know where the lines belong"
            leads = any(address in line or line.startswith("gemtap run ") for line in instructions.lines)
            assert leads, f"no line of {name} has {address} or begins with gemtap run"

    def test_colours(self) -> None:
        """One for light backgrounds, one for dark ones."""
        colour = self.provider.reader.colour
        for each in colour or ():
            assert _COLOUR.fullmatch(each), f"{each} is not like #2f6fce"

    def test_the_simulated_upstream_answers_the_examples(self) -> None:
        """Its responses are read like the real ones."""
        if self.provider.demo is None:
            return
        api = self.provider.demo.simulation()
        for example in self.examples:
            body = b"" if example.request is None else json.dumps(example.request).encode()
            request = ReceivedRequest(example.method, example.path, [*_CREDENTIALS, (b"host", b"api.test")])
            request.body, request.body_bytes = body, len(body)
            if example.status >= 400 or not api.knows(request):
                continue
            script = api.respond(request)
            begin = next(step for step in script if isinstance(step, Begin))
            assert begin.status == 200, script
            answer = b"".join(step.piece for step in script if isinstance(step, Send))
            again = Example(
                example.method,
                example.path,
                example.operation,
                request=example.request,
                response=answer,
                content_type=begin.content_type,
            )
            parsed = self.provider.parse(again.exchange())
            assert parsed.error is None, parsed.error
            assert all(parsed.tokens[name] is not None for name in example.tokens), parsed.tokens  # type: ignore[literal-required]

    def _dialects(self) -> Iterator[tuple[Example, Dialect]]:
        """The examples that a dialect reads."""
        for example in self.examples:
            dialect = self.provider.reader.dialect(example.operation, is_session=False)
            if dialect is not None:
                assert all(name.startswith(b'"') and name.endswith(b'"') for name in dialect.cut_points)
                endings = (dialect.good_endings, dialect.withheld_endings, dialect.truncated_endings)
                assert all(isinstance(ending, str) for each in endings for ending in each)
                assert sum(map(len, endings)) == len(frozenset().union(*endings)), "an ending is of one kind"
                assert all(isinstance(name, str) for path in dialect.settings_at for name in path)
                yield example, dialect


_CREDENTIALS: Final = ((b"authorization", b"Bearer any"), (b"x-goog-api-key", b"any"))


def _text(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, Text))
