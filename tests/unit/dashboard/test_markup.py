"""Text of strangers as HTML."""

from __future__ import annotations

import time

import pytest
from markupsafe import Markup

from gemtap.dashboard.markup import code, language_of, markdown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**bold** and `code`", "<p><strong>bold</strong> and <code>code</code></p>"),
        ("a <b>tag</b>", "<p>a &lt;b&gt;tag&lt;/b&gt;</p>"),
        ("| a |\n|---|\n| 1 |", "<table>"),
        ("<tool_call>kept</tool_call>", "&lt;tool_call&gt;kept&lt;/tool_call&gt;"),
    ],
)
def test_markdown_is_rendered_and_html_in_it_is_text(text: str, html: str) -> None:
    """Markdown is rendered, and HTML in it is escaped."""
    assert html in markdown(text)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](https://evil.example/pixel.png)",
        "![](//evil.example/pixel.png)",
        '<img src="x" onerror="alert(1)">',
        "<svg/onload=alert(1)>",
        '```"><script>alert(1)</script>\ncode\n```',
        "```html\n<script>alert(1)</script>\n```",
        '<a href="x" style="position:fixed">y</a>',
    ],
)
def test_nothing_in_it_runs_is_fetched_or_styled(text: str) -> None:
    """Rendered Markdown runs and loads nothing."""
    html = markdown(text)
    assert "<script" not in html
    assert "<img" not in html
    assert "<svg" not in html
    assert 'href="javascript' not in html
    assert 'href="data' not in html
    assert "<a style" not in html


def test_a_picture_is_a_link_to_it() -> None:
    """An image becomes a link."""
    html = markdown("![a cat](https://example.com/cat.png)")
    assert 'href="https://example.com/cat.png"' in html
    assert "[image: a cat]" in html
    assert 'rel="noopener noreferrer nofollow"' in html


def test_what_is_unseen_is_seen() -> None:
    """Control characters are visible."""
    assert "⟨U+202E⟩" in markdown("left\u202eright")
    assert "␛[31m" in code("\x1b[31m", "text")


def test_code_is_highlighted_where_its_language_is_known() -> None:
    """Code in known languages is highlighted."""
    assert '<span class="k">def</span>' in code("def f(): pass", "python")
    assert code("<b>", "no such language") == '<pre tabindex="0"><code>&lt;b&gt;</code></pre>'
    assert '<span class="k">' in markdown("```python\ndef f(): pass\n```")


def test_very_long_text_is_shown_plainly() -> None:
    """Rendering it would take seconds."""
    assert markdown("*a* " * 100_000).startswith('<pre class="plain" tabindex="0">*a*')
    assert "<span" not in code("def f(): pass\n" * 10_000, "python")


@pytest.mark.parametrize(
    ("path", "language"), [("src/app.py", "python"), ("a.unknown-kind", ""), (None, ""), ("x" * 1000 + ".py", "")]
)
def test_a_path_tells_the_language(path: object, language: str) -> None:
    """The language is known from a file name."""
    assert language_of(path) == language


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("autoit", " " * 11_990 + "x"),
        ("arduino", "\n" * 11_990),
        ("agda", " \n" * 5_990),
        ("applescript", '"\\' * 5_990),
        ("ng2", "(" * 11_990),
    ],
)
def test_code_that_keeps_a_lexer_busy_is_shown_plainly(language: str, text: str) -> None:
    """The regular expressions of some lexers take minutes or hours for 12 KB; what stands around it is formatted."""
    started = time.process_time()
    html = markdown(f"*before*\n\n```{language}\n{text}\n```\n\n*after*")
    assert time.process_time() - started < 3
    assert "<em>before</em>" in html
    assert "<em>after</em>" in html
    assert "Shown without formatting" in html
    assert "<span" not in html


@pytest.mark.parametrize(
    "text",
    [
        "*" * 50_000,
        "*a **a " * 7_000,
        "[" * 50_000,
        "[a](" * 12_000,
        "[a][b" * 10_000,
        "![" * 25_000,
        "<" * 50_000,
        "`" + "`a" * 25_000,
        "> " * 25_000,
        "- " * 25_000,
        "  - a\n" * 8_000,
        "|a" * 25_000 + "\n" + "|-" * 5,
        "a\n" * 10 + "&#" * 24_000,
        "\\" * 50_000,
        "[a]: b\n" * 7_000,
        "\0" * 50_000,
        "~~" * 25_000,
        "```\n" * 12_000,
    ],
    ids=lambda text: repr(text[:8]),
)
def test_markdown_of_any_kind_is_shown_in_bounded_time(text: str) -> None:
    """Nested and unfinished constructs, by the ten thousand."""
    started = time.process_time()
    assert isinstance(markdown(text), Markup)
    assert time.process_time() - started < 10
