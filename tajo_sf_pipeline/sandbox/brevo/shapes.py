"""Answers whose JSON is another one than documented, and answers that are scripted whole."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.responses import JSONResponse, Response

_PARTS = {"status", "json", "text", "content_type", "headers"}


def _wrong_types(value: Any) -> Any:
    """Turn numbers into texts, texts into numbers, arrays into objects, at every depth."""
    match value:
        case dict():
            return {name: _wrong_types(item) for name, item in value.items()}
        case list():
            return {str(place): _wrong_types(item) for place, item in enumerate(value)}
        case str():
            return len(value)
        case _:
            return str(value)


SHAPES: Mapping[str, Callable[[Any], Any]] = {
    "list": lambda body: [body],
    "object": lambda _: {},
    "null": lambda _: None,
    "number": lambda _: 42,
    "string": lambda body: orjson.dumps(body).decode(),
    "true": lambda _: True,
    "nulls": lambda body: dict.fromkeys(body) if isinstance(body, dict) else None,
    "wrong_types": _wrong_types,
    # Not JSON at all, though it says so.
    "empty": lambda _: b"",
    "truncated": lambda body: orjson.dumps(body)[:-1],
}


def reshaped(status: int, body: Any, shape: str, headers: dict[str, str]) -> Response:
    """Answer with the body in another shape; an empty 204 becomes a 200 that has one."""
    status, body = 200 if status == 204 else status, SHAPES[shape](body)
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return Response(content, status, headers, media_type="application/json")


def without(body: Any, path: str) -> Any:
    """Return the body without what stands at the path; in an array of every item."""
    name, _, rest = path.partition(".")
    match body:
        case list():
            return [without(item, path) for item in body]
        case dict() if name in body and rest:
            return body | {name: without(body[name], rest)}
        case dict():
            return {key: value for key, value in body.items() if key != name}
        case _:
            return body


def is_answer(value: Any) -> bool:
    """Whether a scripted answer can be given: a 204 has no body, JSON is not text."""
    if not isinstance(value, dict) or value.keys() - _PARTS or {"json", "text"} <= set(value):
        return False
    status, headers = value.get("status", 200), value.get("headers", {})
    return (
        (type(status) is int and 200 <= status <= 599)
        and not (status in {204, 304} and value.keys() & {"json", "text"})
        and isinstance(value.get("text", ""), str)
        and isinstance(value.get("content_type", ""), str)
        and isinstance(headers, dict)
        and all(isinstance(part, str) for pair in headers.items() for part in pair)
    )


def scripted(answer: Mapping[str, Any], headers: dict[str, str]) -> Response:
    """Answer as a fault says: by default a 200 without a body."""
    status, headers = answer.get("status", 200), headers | answer.get("headers", {})
    if "json" in answer:
        return JSONResponse(answer["json"], status, headers, answer.get("content_type"))
    content_type = answer.get("content_type", "text/html" if answer.get("text") else None)
    return Response(answer.get("text"), status, headers, content_type)
