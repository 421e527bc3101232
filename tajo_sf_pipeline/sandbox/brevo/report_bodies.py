"""Reports that are none: what a person, a proxy or a storage may put in a report's place."""

import csv
import io
from collections.abc import Callable, Mapping

_PAGE = "<!DOCTYPE html><html><body><h1>Sign in</h1><p>Your session has expired.</p></body></html>"
_CELL = 128 * 1024 + 1  # Python's csv reads up to 128 KiB
_STRANGER = "nobody-whom-you-sent@stranger.example"


def _separated(text: str, separator: str) -> str:
    file = io.StringIO(newline="")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=";")
    csv.writer(file, delimiter=separator, lineterminator="\n").writerows(rows)
    return file.getvalue()


def _with_column(text: str, name: str, value: str) -> str:
    """Return the report with one more column, the same in every row."""
    head, *rows = text.splitlines()
    return "".join(f"{line}\n" for line in (f"{head};{name}", *(f"{row};{value}" for row in rows)))


def _of_nobody(text: str) -> str:
    head, *rows = text.splitlines()
    row = ";".join([_STRANGER, *[""] * head.count(";")])
    return "".join(f"{line}\n" for line in (head, *[row] * len(rows)))


def _accented(text: str) -> str:
    return _with_column(text, "MESSAGE", "refusée")


BODIES: Mapping[str, Callable[[str], bytes]] = {
    "html": lambda _: _PAGE.encode(),
    "json": lambda _: b'{"message": "The report is being made"}',
    "empty": lambda _: b"",
    "header_only": lambda text: text.splitlines()[0].encode(),
    "truncated": lambda text: text[: -max(len(text) // 4, 2)].encode(),
    "stray_quote": lambda text: text.replace("\n", '\n"', 1).encode(),
    "utf-8-bom": lambda text: _accented(text).encode("utf-8-sig"),
    "utf-16": lambda text: _accented(text).encode("utf-16"),
    "latin-1": lambda text: _accented(text).encode("latin-1"),
    "latin-1-bom": lambda text: b"\xef\xbb\xbf" + _accented(text).encode("latin-1"),
    "comma": lambda text: _separated(text, ",").encode(),
    "tab": lambda text: _separated(text, "\t").encode(),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "huge_cell": lambda text: _with_column(text, "MESSAGE", "x" * _CELL).encode(),
    "no_header": lambda text: text.split("\n", 1)[1].encode(),
    "strangers": lambda text: _of_nobody(text).encode(),
    "nul": lambda text: text.replace(";", "\0;", 1).encode(),
}
