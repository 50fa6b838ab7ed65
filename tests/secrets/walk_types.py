"""Print which fields of an SDK's published types may hold a secret, and the operations that carry them.

Runs in the environment of one SDK, without Gemtap: `python walk_types.py google_genai|openai|anthropic`. It reads from
standard input a JSON list of patterns of the fields that are decided to be secret, and prints `{"version", "types": N,
"fields": {"Class.field": [WORD]}, "uses": [USE]}`: every field that may hold a text and says one of the words, and
where the secret ones go. A use is `{"field", "direction", "operation", "method", "path", "at"}`. Its direction is
`request`, `response` or, of a stream, `event`; `at` is the place in the body's JSON: `.tools[].headers.*`. Where a
parameter goes is asked of google-genai's own converters; places in its answers have the names that the SDK gives them.
"""

from __future__ import annotations

import ast
import fnmatch
import functools
import importlib
import importlib.metadata
import inspect
import itertools
import json
import pkgutil
import re
import sys
import textwrap
import types
import typing
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pydantic
import typing_extensions

# The words of the inventory, and what credentials are called elsewhere.
WORDS = re.compile(
    r"secrets?|tokens?|passwords?|passphrases?|credentials?|(api)?keys?|authorization|auth|authentication|oauth2?"
    r"|bearer|cookies?|headers?|env|jwt"
)
HTTP = frozenset({"get", "post", "put", "patch", "delete"})


def words(text: str) -> set[str]:
    """The words of an identifier or a sentence that are on the list, in lower case."""
    parts = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", text)
    return {part.lower() for part in parts if WORDS.fullmatch(part.lower())}


@dataclass(frozen=True)
class Field:
    """A member of a published type."""

    owner: str
    name: str  # as it is written in JSON
    python_name: str
    annotation: Any
    doc: str
    about: str = ""  # names of what it belongs to: its class, and the module when several classes share one


@dataclass
class Operation:
    """One HTTP request, or one kind of WebSocket session, that an SDK makes."""

    name: str
    method: str
    path: str
    request: list[Field] = field(default_factory=list)
    response: list[Any] = field(default_factory=list)
    sent: Any = None  # for google-genai's converters: from the place in the parameters to the requests that carry it


def is_optional_wrapper(origin: Any) -> bool:
    return origin in (
        typing.Annotated,
        typing.Required,
        typing.NotRequired,
        typing_extensions.Required,
        typing_extensions.NotRequired,
        typing_extensions.ReadOnly,
    )


def shapes(annotation: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """The classes and leaf types that a value may have, each with the place below the value: `[]` or `.*`."""
    if hasattr(annotation, "__value__"):  # a named union
        annotation = annotation.__value__
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if is_optional_wrapper(origin):
        yield from shapes(arguments[0], at)
    elif origin in (typing.Union, types.UnionType):
        literal = any(typing.get_origin(argument) is typing.Literal for argument in arguments)
        for argument in arguments:
            # An enumeration that may grow is a union of a literal and a string.
            if not (literal and isinstance(argument, type) and issubclass(argument, str)):
                yield from shapes(argument, at)
    elif isinstance(origin, type) and issubclass(origin, (dict, typing.Mapping)):
        yield from shapes(arguments[1] if len(arguments) > 1 else Any, f"{at}.*")
    elif isinstance(origin, type) and issubclass(origin, (list, tuple, set, typing.Iterable)):
        for argument in arguments[:1]:
            yield from shapes(argument, f"{at}[]")
    elif annotation is dict or origin is dict:
        yield f"{at}.*", Any
    elif annotation is list or origin is list:
        yield f"{at}[]", Any
    elif origin is typing.Literal:
        return
    elif typing_extensions.is_typeddict(annotation) and annotation.__module__ == "google.genai.types":
        yield at, getattr(sys.modules[annotation.__module__], annotation.__name__.removesuffix("Dict"), annotation)
    else:
        yield at, annotation


def is_model(annotation: Any) -> bool:
    """Whether it has members of its own."""
    return typing_extensions.is_typeddict(annotation) or (
        isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel)
    )


def may_hold_text(annotation: Any) -> bool:
    """Whether a leaf can hold a secret: text, bytes or anything; not a number, a date, a flag or an enumeration."""
    if annotation in (Any, object):
        return True
    name = getattr(annotation, "__name__", "")
    if name in {"JsonValue", "ForwardRef", "TypeVar"} or isinstance(annotation, typing.TypeVar):
        return True
    return (
        isinstance(annotation, type) and issubclass(annotation, (str, bytes)) and not hasattr(annotation, "__members__")
    )


@functools.cache
def docs_in(module: str) -> dict[str, dict[str, str]]:
    """What the source of a module says below each member of its classes."""
    found: dict[str, dict[str, str]] = {}
    try:
        source = inspect.getsource(sys.modules[module])
    except (OSError, TypeError):  # built in, or made at run time
        return found
    for cls in (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)):
        for statement, after in itertools.pairwise(cls.body):
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
            ):
                found.setdefault(cls.name, {})[statement.target.id] = str(after.value.value)
    return found


def alias_in(annotation: Any) -> str | None:
    """The name in JSON, where the annotation of a `TypedDict` says it."""
    for item in typing.get_args(annotation)[1:] if typing.get_origin(annotation) is typing.Annotated else ():
        if isinstance(alias := getattr(item, "alias", None), str):
            return alias
    for argument in typing.get_args(annotation) if is_optional_wrapper(typing.get_origin(annotation)) else ():
        if alias := alias_in(argument):
            return alias
    return None


@functools.cache
def members(cls: type) -> tuple[Field, ...]:
    """The members of a model or a `TypedDict`, with what its source says of them."""
    documented: dict[str, str] = {}
    # Classes that are written in one module belong together: `credential_create_params.Auth` is a credential's.
    name, module = cls.__name__.split("[")[0], cls.__module__.rpartition(".")[2]
    alone = module.replace("_", "") == name.lower() or cls.__module__ == "google.genai.types"
    about = name if alone else f"{module}.{name}"
    for base in reversed(inspect.getmro(cls)[:-1] if not typing_extensions.is_typeddict(cls) else typed_bases(cls)):
        documented |= docs_in(base.__module__).get(base.__name__, {})
    found = []
    # google-genai publishes each model a second time as a `TypedDict`, which says what a validated `list` is a list of.
    twin = getattr(sys.modules[cls.__module__], f"{cls.__name__}Dict", None)
    written = typing_extensions.get_type_hints(twin, include_extras=True) if twin else {}
    if typing_extensions.is_typeddict(cls):
        for member, annotation in typing_extensions.get_type_hints(cls, include_extras=True).items():
            doc = documented.get(member, "")
            found.append(Field(about, alias_in(annotation) or member, member, annotation, doc, about))
        return tuple(found)
    for member, info in cls.model_fields.items():  # type: ignore[attr-defined]
        doc = info.description or documented.get(member, "")
        alias = info.serialization_alias or info.alias or member
        opaque = any(kind in (Any, object) for _at, kind in shapes(info.annotation))
        annotation = written.get(member, info.annotation) if opaque else info.annotation
        found.append(Field(about, alias, member, annotation, doc, about))
    return tuple(found)


def typed_bases(cls: type) -> list[type]:
    """A `TypedDict` and those that it extends."""
    bases = typing_extensions.get_original_bases(cls)
    found = [cls]
    for base in bases:
        if typing_extensions.is_typeddict(base):
            found += typed_bases(base)
    return found


def says(item: Field) -> set[str]:
    """The words on the list that a field, its class or its documentation says."""
    return words(item.name) | words(item.python_name) | words(item.about) | words(item.doc)


class Walk:
    """Finds the suspicious text fields below a type."""

    def __init__(self, secret: list[str]) -> None:
        self.patterns = secret
        self.seen: set[type] = set()
        self.fields: dict[str, set[str]] = {}  # every suspicious field that was met, with the words that it says

    @functools.cache  # noqa: B019 - it lives as long as the program
    def secret(self, field: str) -> bool:
        return any(fnmatch.fnmatchcase(field, pattern) for pattern in self.patterns)

    @functools.cache  # noqa: B019
    def below(self, kind: type) -> frozenset[type]:
        """The classes that can stand somewhere in a value of this class, itself included."""
        found, todo = {kind}, [kind]
        while todo:
            for member in members(todo.pop()):
                for _at, shape in shapes(member.annotation):
                    if is_model(shape) and shape not in found:
                        found.add(shape)
                        todo.append(shape)
        return frozenset(found)

    @functools.cache  # noqa: B019
    def own_secrets(self, kind: type) -> bool:
        """Whether a member of this very class is a secret; notes what is suspicious."""
        self.seen.add(kind)
        found = False
        for member in members(kind):
            if self.suspicious(member):
                found |= self.secret(f"{member.owner}.{member.name}")
        return found

    def suspicious(self, member: Field) -> bool:
        if not any(may_hold_text(shape) for _at, shape in shapes(member.annotation) if not is_model(shape)):
            return False
        if said := says(member):
            self.fields.setdefault(f"{member.owner}.{member.name}", set()).update(said)
        return bool(said)

    def meet(self, annotation: Any) -> None:
        """Take note of every suspicious field that can stand in a value."""
        for _at, shape in shapes(annotation):
            if is_model(shape):
                for kind in self.below(shape):
                    self.own_secrets(kind)

    def places(self, member: Field, at: str, above: tuple[type, ...] = ()) -> Iterator[tuple[str, str]]:
        """Where secrets stand below a field, with the name of each, every way that repeats no class."""
        name = f"{member.owner}.{member.name}"
        for below, shape in shapes(member.annotation):
            place = f"{at}{below}"
            if is_model(shape):
                if shape not in above and any(self.own_secrets(kind) for kind in self.below(shape)):
                    for inner in members(shape):
                        yield from self.places(inner, f"{place}.{inner.name}", (*above, shape))
            elif self.secret(name) and may_hold_text(shape):
                yield place, name


# OpenAI and Anthropic: resources whose methods call `self._post(PATH, ...)` and say in their annotations what goes in
# and comes out.


PREFIX = {"openai": "/v1", "anthropic": ""}  # what of the path is in the base URL


def modules_below(name: str) -> Iterator[types.ModuleType]:
    package = importlib.import_module(name)
    yield package
    for info in pkgutil.walk_packages(package.__path__, f"{name}."):
        if ".tests" not in info.name:
            yield importlib.import_module(info.name)


def calls_in(function: Any) -> Iterator[tuple[str, ast.Call]]:
    """The calls in a function's source, each with the last part of what is called."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            yield (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")), node


def text_of(node: ast.AST) -> str:
    """A path: a literal, a template, or a template that is filled in by a call."""
    if isinstance(node, ast.Call) and node.args:
        return text_of(node.args[0])
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{" + ast.unparse(part.value) + "}"  # type: ignore[attr-defined]
            for part in node.values
        )
    return str(node.value) if isinstance(node, ast.Constant) else "?"


def said_of_arguments(function: Any) -> dict[str, str]:
    """What the docstring of a method says of each argument."""
    _before, _, after = (inspect.getdoc(function) or "").partition("Args:")
    parts = re.split(r"(?m)^\s{2,4}(\w+):", after)
    return dict(zip(parts[1::2], parts[2::2], strict=False))


def stainless(package: str) -> Iterator[Operation]:
    """The operations of an SDK that Stainless (or its heir) generates."""
    verbs = {f"_{verb}": verb for verb in HTTP} | {"_get_api_list": "get"}
    resource = importlib.import_module(f"{package}._resource").SyncAPIResource
    for module in modules_below(f"{package}.resources"):
        for cls in list(vars(module).values()):
            if not (isinstance(cls, type) and issubclass(cls, resource) and cls.__module__ == module.__name__):
                continue
            for name, function in vars(cls).items():
                if not inspect.isfunction(function):
                    continue
                for called, call in calls_in(function):
                    if called not in verbs:
                        continue
                    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
                    verb = text_of(keywords["method"]) if "method" in keywords else verbs[called]
                    hints = typing.get_type_hints(function, include_extras=True)
                    docs = said_of_arguments(function)
                    path = text_of(call.args[0])
                    title = f"{module.__name__.split('.resources.')[-1]}.{cls.__name__}.{name}"
                    operation = Operation(title, verb.upper(), PREFIX[package] + path)
                    in_path = set(re.findall(r"{(\w+)", path))
                    body = ast.unparse(keywords["body"]) if "body" in keywords else ""
                    for argument, annotation in hints.items():
                        if (
                            argument == "return"
                            or argument in in_path
                            or argument.startswith("extra_")
                            or argument == "timeout"
                        ):
                            continue
                        if f"'{argument}': {argument}" in body or argument in body:
                            operation.request.append(
                                Field(operation.name, argument, argument, annotation, docs.get(argument, ""))
                            )
                    operation.response.append(hints.get("return"))
                    yield operation


def stainless_sessions(package: str) -> Iterator[Operation]:
    """The WebSocket sessions of such an SDK: connections that send one union of types and receive another."""
    for module in modules_below(f"{package}.resources"):
        for name, cls in list(vars(module).items()):
            if not (name.endswith("Connection") and not name.startswith("Async") and getattr(cls, "recv", None)):
                continue
            source = inspect.getsource(getattr(module, f"{name}Manager"))
            at = re.search(r'rstrip\(b"/"\)\s*\+\s*(?:path_template\()?b?"([^"]+)"', source)
            title = f"{module.__name__.split('.resources.')[-1]}.{name}"
            operation = Operation(title, "WEBSOCKET", PREFIX[package] + at[1] if at else "?")
            sent = typing.get_type_hints(cls.send, include_extras=True)["event"]
            operation.request.append(Field(operation.name, "", "", sent, ""))
            operation.response.append(typing.get_type_hints(cls.recv, include_extras=True)["return"])
            yield operation


# google-genai: `_gaos` holds generated resources, everything else converts its types into JSON by generated functions.


def resolve(node: ast.AST, namespace: dict[str, Any]) -> Any:
    """What a name or a dotted name in a function's source stands for."""
    if isinstance(node, ast.Attribute):
        return getattr(resolve(node.value, namespace), node.attr)
    return namespace[node.id] if isinstance(node, ast.Name) else eval(ast.unparse(node), namespace)


def gaos() -> Iterator[Operation]:
    base = importlib.import_module("google.genai._gaos.basesdk").BaseSDK
    for module in modules_below("google.genai._gaos"):
        for cls in list(vars(module).values()):
            if not (
                isinstance(cls, type)
                and issubclass(cls, base)
                and cls.__module__ == module.__name__
                and cls is not base
            ):
                continue
            for name, function in vars(cls).items():
                if not inspect.isfunction(function):
                    continue
                namespace, operation = vars(module), None
                answers: list[Any] = []
                bodies: list[Any] = []
                for called, call in calls_in(function):
                    if called == "_build_request":
                        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
                        title = f"{cls.__name__}.{name}"
                        operation = Operation(title, text_of(keywords["method"]), text_of(keywords["path"]))
                    elif called == "unmarshal_json_response" and not ast.unparse(call.args[0]).startswith("errors."):
                        answers.append(resolve(call.args[0], namespace))
                    elif called == "serialize_request_body":
                        bodies.append(resolve(call.args[4], namespace))
                if operation is not None:
                    operation.request += [Field(operation.name, "", "", body, "") for body in bodies]
                    operation.response += answers
                    yield operation


class Sent(Exception):
    """What an SDK would have sent."""

    def __init__(self, method: str, path: str, body: Any) -> None:
        self.method, self.path, self.body = method, path, body


def texts(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """The texts in a JSON value, each with its place."""
    if isinstance(value, pydantic.BaseModel):
        value = value.model_dump(by_alias=True, exclude_none=True)
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from texts(inner, f"{at}.{'*' if name == 'x-canary' else name}")
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner, f"{at}[]")
    else:
        yield at, value


def planted(place: str) -> Any:
    """The smallest value that has a canary at this place."""
    value: Any = "CANARY"
    for name, _index in reversed(re.findall(r"\.([^.\[]+)|(\[\])", place)):
        value = {"x-canary" if name == "*" else name: value} if name else [value]
    return value


@functools.cache
def client_of(vertex: bool) -> Any:
    return importlib.import_module("google.genai").Client(vertexai=vertex, api_key="none")._api_client


def really_sent(cls: type, function: Any, place: str) -> list[tuple[str, str, str]]:
    """The requests that google-genai makes of a parameter with a canary: method, path, and where the canary is.

    Each of its two APIs is asked. One that does not have the parameter raises; one that does not send it is left out.
    """
    parameters = inspect.signature(function).parameters.values()
    found = []
    for vertex in (False, True):
        client = client_of(vertex)

        def request(method: str, path: str, body: Any, *_rest: Any) -> Any:
            raise Sent(method, path, body)

        client.request = client.request_streamed = request
        given = planted(place)
        for parameter in parameters:
            if parameter.default is parameter.empty and parameter.name != "self":
                given.setdefault(parameter.name, {} if "Dict" in str(parameter.annotation) else "x")
        try:
            result = function(cls(client), **given)
            if inspect.isgenerator(result):
                next(result)
        except Sent as sent:
            version = (
                "v1beta1/publishers/google"
                if vertex and sent.path.startswith("models/")
                else "v1beta1"
                if vertex
                else "v1beta"
            )
            found += [
                (sent.method.upper(), f"/{version}/{sent.path}", at)
                for at, text in texts(sent.body)
                if text == "CANARY"
            ]
        except (ValueError, pydantic.ValidationError) as error:
            print(f"{cls.__name__}.{function.__name__} {place}: {str(error)[:200]}", file=sys.stderr)
    return found


def said_in(function: Any) -> tuple[str, str]:
    """The HTTP method and the paths in a function's source, those of both APIs with `|` between them."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    method, paths = "?", []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.startswith("request"):
            method = text_of(node.args[0]).upper()
        elif (
            isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) in ("path", "endpoint_url")
            and isinstance(node.value, ast.Constant)
        ):
            paths.append(str(node.value.value))
    return method, "|".join(f"/{{version}}/{path}" for path in dict.fromkeys(paths))


def classic() -> Iterator[Operation]:
    """google-genai's hand-shaped modules."""
    kinds = importlib.import_module("google.genai.types")
    base = importlib.import_module("google.genai._api_module").BaseModule
    for name in (
        "batches",
        "caches",
        "documents",
        "file_search_stores",
        "files",
        "models",
        "operations",
        "tokens",
        "tunings",
    ):
        module = importlib.import_module(f"google.genai.{name}")
        for cls in list(vars(module).values()):
            if not (isinstance(cls, type) and issubclass(cls, base) and not cls.__name__.startswith("Async")):
                continue
            for title, function in vars(cls).items():
                operation = Operation(f"{cls.__name__}.{title}", "?", "?")
                sends = False
                for called, call in calls_in(function) if inspect.isfunction(function) else ():
                    whole = ast.unparse(call.func)
                    sends |= called in ("request", "request_streamed")
                    if whole.startswith("types.") and whole.endswith(("Parameters", "ParametersPrivate")):
                        operation.request += members(getattr(kinds, called))
                    elif whole.endswith("._from_response"):
                        operation.response.append(resolve(call.func.value, vars(module)))  # type: ignore[attr-defined]
                if sends:
                    operation.method, operation.path = said_in(function)
                    operation.sent = functools.partial(really_sent, cls, function)
                    yield operation


def google_sessions() -> Iterator[Operation]:
    """The Live API's WebSocket, whose first message is converted from the connection's configuration."""
    kinds = importlib.import_module("google.genai.types")
    for service, prefix in (("BidiGenerateContent", "Live"), ("BidiGenerateMusic", "LiveMusic")):
        path = f"/ws/google.ai.generativelanguage.v1beta.GenerativeService.{service}"
        operation = Operation(f"live.{prefix}", "WEBSOCKET", path)
        operation.request.append(Field(operation.name, "", "", getattr(kinds, f"{prefix}ClientMessage"), ""))
        operation.response.append(getattr(kinds, f"{prefix}ServerMessage"))
        yield operation
    events = importlib.import_module("google.genai._gaos.types.interactions")
    operation = Operation("interactions.connect", "WEBSOCKET", "/{api_version}/interactions/live")
    operation.request.append(Field(operation.name, "", "", events.ClientEvent, ""))
    operation.response.append(events.InteractionSSEEvent)
    yield operation


# The program.


def operations_of(sdk: str) -> list[Operation]:
    if sdk == "google_genai":
        return [*classic(), *google_sessions(), *gaos()]
    return [*stainless(sdk), *stainless_sessions(sdk)]


def uses_in(walk: Walk, operation: Operation) -> Iterator[tuple[str, ...]]:
    """Where an operation carries secrets: field, direction, operation, method, path, place."""
    responses = [Field("", "", "", annotation, "") for annotation in operation.response]
    for direction, wanted in (("request", operation.request), ("response", responses)):
        for item in wanted:
            if item.name:
                walk.suspicious(item)
            walk.meet(item.annotation)
            for place, name in walk.places(item, f".{item.name}" if item.name else ""):
                sent = [(operation.method, operation.path, place)]
                if direction == "request" and operation.sent is not None:
                    sent = operation.sent(place)
                for method, paths, at in sent:
                    kind = "event" if at.startswith("[]") else direction
                    for path in paths.split("|"):
                        yield name, kind, operation.name, method, path, at


def main() -> None:
    warnings.simplefilter("ignore")
    sdk = sys.argv[1]
    walk = Walk(json.load(sys.stdin))
    uses = {use for operation in operations_of(sdk) for use in uses_in(walk, operation)}
    names = ("field", "direction", "operation", "method", "path", "at")
    found = {
        "version": importlib.metadata.version(sdk.replace("_", "-")),
        "types": len(walk.seen),
        "fields": {name: sorted(said) for name, said in sorted(walk.fields.items())},
        "uses": [dict(zip(names, use, strict=True)) for use in sorted(uses)],
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
