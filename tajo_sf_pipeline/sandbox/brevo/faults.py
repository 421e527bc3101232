"""Declared misbehaviour: what an account does wrong, and how many times.

A fault is named by one of the keys of FAULTS; the value of that key says how it goes wrong. Those
that strike a request take `method`, `path` (a trailing ``*`` stands for any rest), `times` and
`skip`, the number of such requests that go well before.
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.report_bodies import BODIES
from tajo_sf_pipeline.sandbox.brevo.shapes import SHAPES, is_answer

REPORTS = (
    "invalid_emails",
    "duplicate_contact_id",
    "duplicate_ext_id",
    "duplicate_email_id",
    "duplicate_phone_id",
    "duplicate_whatsapp_id",
    "duplicate_landline_number_id",
)

_OF_REQUESTS = frozenset({"method", "path", "times", "skip"})

FAULTS = {
    # A request is answered with this status; `after`: it is carried out first, the answer is lost;
    # `code` and `message`: what the refusal says; `html`: it is a page; `headers` false: it tells
    # nothing of the limits; `retry_after`: seconds that it names.
    "status": _OF_REQUESTS | {"after", "code", "message", "html", "headers", "retry_after"},
    # A request is answered with this object's `status` (200), `json` or `text`, `content_type` and
    # `headers`; `after`: it is carried out first.
    "answer": _OF_REQUESTS | {"after"},
    # A request is carried out, and the JSON of its answer comes in this shape.
    "reshape": _OF_REQUESTS,
    # A request is carried out, and its answer lacks what stands at this path, such as
    # "contacts.success"; of an array every item lacks it.
    "drop": _OF_REQUESTS,
    # The connection ends without an answer: "before" or "after" the request is carried out.
    "disconnect": _OF_REQUESTS,
    # A request is carried out, and answered so many seconds later.
    "delay": _OF_REQUESTS,
    # The answer has no x-sib-ratelimit-* headers: true.
    "no_rate_headers": _OF_REQUESTS,
    # This attribute is deleted right before the request is carried out.
    "delete_attribute": _OF_REQUESTS,
    # A write whose body contains this text is refused with a 400, as often as it comes.
    "poison": _OF_REQUESTS,
    # The next import ends so, and stores nothing.
    "import_status": frozenset({"times", "skip"}),
    # The next import stays in this status for ever.
    "import_stays": frozenset({"times", "skip"}),
    # The next import reports these e-mails under these kinds and does not store them.
    "report": frozenset({"times", "skip"}),
    # A report's address answers so; its rows are never to be had.
    "report_status": frozenset({"times", "skip"}),
    # A report comes with a 200 and in this form, which mostly is none of a report.
    "report_body": frozenset({"times", "skip"}),
    # The next upsert of objects rejects the records with these own ids, in the background.
    "reject_records": frozenset({"times", "skip"}),
    # Every request comes from this address, which the account does not know.
    "ip_blocked": frozenset(),
}
_ENDLESS = {"ip_blocked", "poison"}


class FaultError(ValueError):
    pass


def _is_status(value: Any) -> bool:
    return type(value) is int and 400 <= value <= 599


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


_VALUES: dict[str, Callable[[Any], bool]] = {
    "status": _is_status,
    "answer": is_answer,
    "reshape": lambda value: isinstance(value, str) and value in SHAPES,
    "report_body": lambda value: isinstance(value, str) and value in BODIES,
    "disconnect": lambda value: value in {"before", "after"},
    "delay": lambda value: type(value) in {int, float} and value > 0,
    "no_rate_headers": lambda value: value is True,
    "import_status": lambda value: value in {"failed", "cancelled", "error", "aborted"},
    # The last is a word that no document knows.
    "import_stays": lambda value: value in {"queued", "in_process", "processing", "paused"},
    "report": lambda value: isinstance(value, dict) and value.keys() <= set(REPORTS),
    "report_status": _is_status,
    "reject_records": lambda value: isinstance(value, list) and all(map(_is_text, value)),
}
_OPTIONS: dict[str, Callable[[Any], bool]] = {
    "method": _is_text,
    "path": _is_text,
    "times": lambda value: type(value) is int and value > 0,
    "skip": lambda value: type(value) is int and value >= 0,
    "after": lambda value: isinstance(value, bool),
    "code": _is_text,
    "message": _is_text,
    "html": lambda value: isinstance(value, bool),
    "headers": lambda value: isinstance(value, bool),
    "retry_after": lambda value: type(value) is int and value >= 0,
}


@dataclass(slots=True)
class Fault:
    kind: str
    value: Any
    times: float = 1
    skip: int = 0
    method: str | None = None
    path: str | None = None
    after: bool = False
    code: str = "bad_request"
    message: str | None = None
    html: bool = False
    headers: bool = True
    retry_after: int | None = None

    def strikes(self, method: str, path: str, body: bytes) -> bool:
        """Whether it is such a request; a poison strikes the bodies that contain it."""
        return (
            self.times > 0
            and self.method in {None, method}
            and (self.path is None or _matches(self.path, path))
            and (self.kind != "poison" or self.value.encode() in body)
        )


def _matches(pattern: str, path: str) -> bool:
    if pattern.endswith("*"):
        return path.startswith(pattern.removesuffix("*"))
    return path == pattern


def declared(fault: dict[str, Any]) -> Fault:
    """Read one declaration; FaultError says what is wrong with it."""
    kinds = [kind for kind in FAULTS if kind in fault]
    if len(kinds) != 1:
        raise FaultError(f"a fault has exactly one of {', '.join(FAULTS)}: {fault}")
    kind = kinds[0]
    options = {name: value for name, value in fault.items() if name != kind}
    if unknown := options.keys() - FAULTS[kind]:
        raise FaultError(f"{kind} does not take {', '.join(sorted(unknown))}")
    for name, value in options.items():
        if not _OPTIONS[name](value):
            raise FaultError(f"{name} cannot be {value!r}")
    if not _VALUES.get(kind, _is_text)(fault[kind]):
        raise FaultError(f"{kind} cannot be {fault[kind]!r}")
    if kind in _ENDLESS:
        options.setdefault("times", math.inf)
    return Fault(kind, fault[kind], **options)


class Faults:
    """The faults of one account, each spent as often as it was declared."""

    def __init__(self, faults: list[Fault]) -> None:
        self._faults = faults
        self._spending = threading.Lock()

    def spend(self, kind: str, method: str = "", path: str = "", body: bytes = b"") -> Fault | None:
        with self._spending:
            for fault in self._faults:
                if fault.kind == kind and fault.strikes(method, path, body):
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None

    def value(self, kind: str, default: Any = None) -> Any:
        fault = self.spend(kind)
        return fault.value if fault else default
