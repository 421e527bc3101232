"""HTML that is safe to put together: text is escaped, markup is not escaped twice."""

import json
from html import escape
from typing import Any


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, *children: Any, **attributes: str) -> Markup:
    """Give one element; an attribute `class_` is written without its underscore."""
    written = "".join(
        f' {name.rstrip("_")}="{escape(value)}"' for name, value in attributes.items()
    )
    return Markup(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: Any) -> Markup:
    return Markup("".join(c if isinstance(c, Markup) else escape(str(c)) for c in children))


def chips(values: Any, kind: str = "") -> Markup:
    """Small labels, side by side."""
    return join(element("span", value, class_=f"chip {kind}".strip()) for value in values)


def pairs(values: dict[str, Any]) -> Markup:
    """Names and values, as small labels."""
    return join(
        element("span", element("b", name), " ", _written(value), class_="chip pair")
        for name, value in values.items()
    )


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def button(label: str, address: str, *fields: Markup, **values: Any) -> Markup:
    """Give a form of one button; `fields` are its inputs, `values` what it sends besides."""
    hidden = [
        element("input", type="hidden", name=name, value=str(value))
        for name, value in values.items()
    ]
    sends = element("button", label)
    return element("form", *hidden, *fields, sends, method="post", action=address)


def table(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Markup:
    head = element("tr", *(element("th", column) for column in columns))
    body = [element("tr", *(element("td", cell) for cell in row)) for row in rows]
    return element(
        "div", element("table", element("thead", head), element("tbody", *body)), class_="scroll"
    )
