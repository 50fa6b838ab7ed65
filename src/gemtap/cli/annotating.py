"""`gemtap tag`, `gemtap rate` and `gemtap note`: annotations of an interaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gemtap.cli.app import AsJson, Config, DataDir, StoreUrl, app, settings_of
from gemtap.cli.completion import one_of
from gemtap.cli.ids import InteractionId, resolve, unknown
from gemtap.cli.printing import console, harmless, print_json
from gemtap.cli.reading import open_for_reading
from gemtap.faults import not_one_of
from gemtap.settings import SettingsError

if TYPE_CHECKING:
    from gemtap.interaction import Interaction
    from gemtap.settings import Settings
    from gemtap.stores.base import Store

_RATINGS: Final = ("good", "bad", "none")
"""What `gemtap rate` takes. Repeats `stores.annotations`, to keep its import out of help texts."""


@app.command()
def tag(
    id_: InteractionId,
    tags: Annotated[list[str] | None, typer.Argument(metavar="TAG", help="Tags to add.")] = None,
    remove: Annotated[bool, typer.Option("--remove", "-r", help="Remove these tags instead.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Remove all tags first.")] = False,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Add or remove tags of an interaction.

    Example: gemtap tag 66f1c0ffee0123456789abcd training "good tool use"
    """

    def change(document: Interaction) -> dict[str, Any]:
        return {"tags": _tags([] if clear else document["tags"], tags or [], remove=remove)}

    _annotate(settings_of({"data_dir": data_dir, "store": store}, config).settings, id_, change, as_json=as_json)


@app.command()
def rate(
    id_: InteractionId,
    rating: Annotated[
        str,
        typer.Argument(metavar="RATING", help="good or bad; none removes the rating.", autocompletion=one_of(_RATINGS)),
    ],
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Rate a response as good or bad.

    Example: gemtap rate 66f1c0ffee0123456789abcd good
    """
    if rating not in ("", *_RATINGS):
        raise SettingsError(f"Bad RATING: {not_one_of(rating, _RATINGS)}")
    given = {"rating": "" if rating == "none" else rating}
    _annotate(
        settings_of({"data_dir": data_dir, "store": store}, config).settings, id_, lambda _: given, as_json=as_json
    )


@app.command()
def note(
    id_: InteractionId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The note; an empty one removes it.")],
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Set the note of an interaction.

    Example: gemtap note 66f1c0ffee0123456789abcd "forgot the second file"
    """
    given = {"note": text}
    _annotate(
        settings_of({"data_dir": data_dir, "store": store}, config).settings, id_, lambda _: given, as_json=as_json
    )


def _tags(present: Sequence[str], given: Sequence[str], *, remove: bool) -> list[str]:
    if remove:
        gone = {tag.strip() for tag in given}
        return [tag for tag in present if tag not in gone]
    return [*present, *given]


def _annotate(settings: Settings, id_: str, change: Callable[[Interaction], dict[str, Any]], *, as_json: bool) -> None:
    """Store the changes that `change` returns for the document, and print the new annotations."""
    from gemtap.stores.annotations import BadAnnotation

    async def work(store: Store) -> Interaction | None:
        known = await resolve(store, id_)
        document = await store.get(known)
        if document is not None:
            await store.annotate(known, **change(document))
        return await store.get(known)

    try:
        document = open_for_reading(settings, work)
    except BadAnnotation as exc:
        raise SettingsError(str(exc)) from exc
    if document is None:
        raise unknown(id_)
    if as_json:
        print_json(
            {
                "id": str(document["_id"]),
                "tags": document["tags"],
                "rating": document["rating"],
                "note": document["note"],
            }
        )
    else:
        out = console()
        for name, text in (
            ("tags", ", ".join(document["tags"])),
            ("rating", document["rating"]),
            ("note", document["note"]),
        ):
            out.print(harmless(f"{name:<8}{text or '–'}"), soft_wrap=True)
