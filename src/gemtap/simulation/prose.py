"""Sentences that look like a model's answer to the prompt."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Final

from gemtap.interaction import Json

_OPENINGS: Final = (
    "Here is how I would go about “{topic}”.",
    "Let me take “{topic}” step by step.",
    "Good question. On “{topic}” three things matter most.",
    "In short: “{topic}” comes down to a few decisions.",
)

_POINTS: Final = (
    "**Start from what is known.** Write down the inputs and the result that you expect, before anything else.",
    "**Keep the moving parts few.** Every piece of state that you can do without is one that cannot be wrong.",
    "**Measure before you optimise.** The slow part is seldom the one that looks slow.",
    "**Make failure visible.** An error that names its cause is worth more than one that is swallowed.",
    "**Prefer the boring choice.** What is well understood is easier to debug at three in the morning.",
    "**Test at the edges.** Empty input, one element, and more than fits: that is where things break.",
    "**Write it for the reader.** Code is read ten times for each time that it is changed.",
    "**Take small steps.** Each one should leave everything working.",
)

_CLOSINGS: Final = (
    "Tell me more about your constraints, and I can be more precise.",
    "If you like, I can go into any of these points in detail.",
    "That should be enough to get going; the rest can wait until it is needed.",
)

_CODE: Final = '''Something like this is enough to begin with:

```python
def first_match(lines: list[str], word: str) -> int | None:
    """The number of the first line that contains the word."""
    return next((number for number, line in enumerate(lines, 1) if word in line), None)
```'''

_THOUGHTS: Final = (
    "**Considering the Request**\n\nI'm looking at “{topic}” and working out what is really being asked. "
    "The wording leaves some room, so I'll settle on the most useful reading first.\n\n\n",
    "**Weighing the Options**\n\nI've narrowed “{topic}” down to two approaches. One is quicker, the other is "
    "easier to explain. I'm leaning towards the one that is easier to explain.\n\n\n",
    "**Structuring the Answer**\n\nI have what I need for “{topic}”. I'll lead with the conclusion, give the "
    "reasons as a short list, and close with an offer to go deeper.\n\n\n",
)

_ABOUT_CODE: Final = re.compile(r"\b(code|function|script|python|bug|test|class|implement)", re.IGNORECASE)


def topic_of(text: str) -> str:
    """The first words of a text, as a topic."""
    words = text.split()[:12]
    return " ".join(words).strip(" .?!:,;") or "nothing in particular"


def answer(text: str, rng: Random) -> str:
    """An answer to the text, in Markdown."""
    points = rng.sample(_POINTS, rng.randint(3, 4))
    numbered = "\n".join(f"{number}. {point}" for number, point in enumerate(points, 1))
    code = [_CODE] if _ABOUT_CODE.search(text) else []
    opening = rng.choice(_OPENINGS).format(topic=topic_of(text))
    return "\n\n".join([opening, numbered, *code, rng.choice(_CLOSINGS)])


def thoughts(text: str, rng: Random) -> list[str]:
    """Summaries of thoughts about the text, each with a heading, as Gemini writes them."""
    chosen = sorted(rng.sample(range(len(_THOUGHTS)), rng.randint(1, 2)))
    return [_THOUGHTS[at].format(topic=topic_of(text)) for at in chosen]


def report(function_responses: list[dict[str, Json]], rng: Random) -> str:
    """A report on the results of function calls."""
    results = "\n".join(
        f"- `{response.get('name')}` returned `{_shortened(response.get('response'))}`"
        for response in function_responses
    )
    return f"Here is what I found:\n\n{results}\n\n{rng.choice(_CLOSINGS)}"


def _shortened(value: object, longest: int = 200) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= longest else text[: longest - 1] + "…"
