"""Declared misbehaviour: what an account does wrong, and how many times.

A fault is named by one of the keys of FAULTS; the value of that key says how it goes wrong.
"""

import math
import threading
from dataclasses import dataclass
from typing import Any

REPORTS = (
    "invalid_emails",
    "duplicate_contact_id",
    "duplicate_ext_id",
    "duplicate_email_id",
    "duplicate_phone_id",
    "duplicate_whatsapp_id",
    "duplicate_landline_number_id",
)

FAULTS = {
    # A request is answered with this status; `after`: it is carried out first, the answer is lost.
    "status": frozenset({"method", "path", "times", "after"}),
    # The next import ends so, and stores nothing.
    "import_status": frozenset({"times"}),
    # The next import stays in this status for ever.
    "import_stays": frozenset({"times"}),
    # The next import reports these e-mails under these kinds and does not store them.
    "report": frozenset({"times"}),
    # Every request comes from this address, which the account does not know.
    "ip_blocked": frozenset(),
}


class FaultError(ValueError):
    pass


def _fits(kind: str, value: Any) -> bool:
    match kind:
        case "status":
            return isinstance(value, int) and 400 <= value <= 599
        case "import_status":
            return value in {"failed", "cancelled"}
        case "import_stays":
            return value in {"queued", "in_process", "processing"}
        case "report":
            return isinstance(value, dict) and value.keys() <= set(REPORTS)
        case _:
            return isinstance(value, str)


@dataclass(slots=True)
class Fault:
    kind: str
    value: Any
    times: float = 1
    method: str | None = None
    path: str | None = None
    after: bool = False


def declared(fault: dict[str, Any]) -> Fault:
    """Read one declaration; FaultError says what is wrong with it."""
    kinds = [kind for kind in FAULTS if kind in fault]
    if len(kinds) != 1:
        raise FaultError(f"a fault has exactly one of {', '.join(FAULTS)}: {fault}")
    kind = kinds[0]
    options = {name: value for name, value in fault.items() if name != kind}
    if unknown := options.keys() - FAULTS[kind]:
        raise FaultError(f"{kind} does not take {', '.join(sorted(unknown))}")
    if not _fits(kind, fault[kind]):
        raise FaultError(f"{kind} cannot be {fault[kind]!r}")
    if kind == "ip_blocked":
        options["times"] = math.inf
    return Fault(kind, fault[kind], **options)


class Faults:
    """The faults of one account, each spent as often as it was declared."""

    def __init__(self, faults: list[Fault]) -> None:
        self._faults = faults
        self._spending = threading.Lock()

    def spend(self, kind: str, method: str = "", path: str = "") -> Fault | None:
        with self._spending:
            for fault in self._faults:
                if (
                    fault.kind == kind
                    and fault.times > 0
                    and fault.method in {None, method}
                    and fault.path in {None, path}
                ):
                    fault.times -= 1
                    return fault
        return None

    def value(self, kind: str, default: Any = None) -> Any:
        fault = self.spend(kind)
        return fault.value if fault else default
