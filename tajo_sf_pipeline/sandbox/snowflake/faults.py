"""Misbehaviour on request: each fault strikes as often as it was told to, from a call on."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse, Response

from tajo_sf_pipeline.sandbox.snowflake.key_pair_jwt import Reason

CALLS = ("submit", "status", "partition", "cancel")
SYNTAX = re.compile(r"(?P<name>[a-z_]+)(=(?P<amount>[^x@]+))?(x(?P<times>\d+))?(@(?P<call>\d+))?")


def _status(value: Any) -> int:
    if int(value) not in {500, 502, 503, 504}:
        raise ValueError(f"status is 500, 502, 503 or 504, not {value}")
    return int(value)


def _reason(value: Any) -> str:
    if value not in Reason.__members__:
        raise ValueError(f"reason is one of {', '.join(Reason.__members__)}, not {value}")
    return str(value)


@dataclass(frozen=True, slots=True)
class Amount:
    name: str
    read: Callable[[Any], Any]
    default: Any


@dataclass(frozen=True, slots=True)
class Kind:
    strikes: str
    amount: Amount | None = None


FAULTS = {
    "slow": Kind("a request waits", Amount("seconds", float, 1)),
    "unavailable": Kind("a request is answered with 503"),
    "declare_extra_rows": Kind("a result declares rows that never come", Amount("rows", int, 1)),
    "network_policy": Kind("a sign-in or a request comes from an address that is not allowed"),
    # From here on the SQL API and the token addresses only.
    "status": Kind("a request is answered with this status", Amount("status", _status, 503)),
    "rate_limited": Kind(
        "a request is answered with 429, with a Retry-After unless 0",
        Amount("retry_after", int, 0),
    ),
    "token_expired": Kind("a request has the token expired: 401, 390318"),
    "token_invalid": Kind("a request has the token invalid: 401, 390303"),
    "jwt_invalid": Kind(
        "a request has a key-pair token refused for this reason: 401, 394300 to 394307",
        Amount("reason", _reason, Reason.PUBLIC_KEY_FINGERPRINT_MISMATCH.name),
    ),
    "clock_skew": Kind(
        "the server's clock is ahead, and refuses key-pair tokens over 60 s old: 401, 394302",
        Amount("seconds", float, 120),
    ),
    "token_endpoint": Kind(
        "a token address answers with this status", Amount("status", _status, 503)
    ),
    "slow_statement": Kind("a statement takes at least so long", Amount("seconds", float, 1)),
    "suspended_warehouse": Kind("a statement finds its warehouse out of credits: 422, 090073"),
    "lost_answer": Kind("a statement is executed, and its answer lost with the connection"),
    "short_partition": Kind(
        "a partition comes with fewer rows than declared", Amount("rows", int, 1)
    ),
    "truncated_partition": Kind("a partition's gzip ends in the middle"),
    "partition_reset": Kind("the connection is reset in the middle of a partition"),
}


@dataclass(slots=True)
class Fault:
    name: str
    amount: Any
    times: int = 1
    call: int = 1
    on: str | None = None


def declared(order: dict[str, Any]) -> Fault:
    """Read {"fault": name, "times": n, "call": n, "on": call, ...}; a ValueError says what fails.

    It strikes `times` times from the n-th `call` on that it could strike.
    """
    name = order.get("fault", "")
    if name not in FAULTS:
        raise ValueError(f"unknown fault {name!r}, there are: {', '.join(FAULTS)}")
    amount = FAULTS[name].amount
    known = {"fault", "times", "call", "on"} | ({amount.name} if amount else set())
    if unknown := order.keys() - known:
        raise ValueError(f"{name} does not take {', '.join(sorted(unknown))}")
    if order.get("on") not in {None, *CALLS}:
        raise ValueError(f"on is one of {', '.join(CALLS)}, not {order['on']!r}")
    return Fault(
        name,
        amount.read(order.get(amount.name, amount.default)) if amount else True,
        int(order.get("times", 1)),
        int(order.get("call", 1)),
        order.get("on"),
    )


def written(text: str) -> Fault:
    """Read NAME[=AMOUNT][xTIMES][@CALL], as it stands on a command line."""
    if (found := SYNTAX.fullmatch(text)) is None:
        raise ValueError(f"{text!r} is not NAME[=AMOUNT][xTIMES][@CALL]")
    given = {key: value for key, value in found.groupdict().items() if value is not None}
    name, amount = given.pop("name"), given.pop("amount", None)
    kind = FAULTS.get(name)
    if kind and amount is not None:
        given[kind.amount.name if kind.amount else "an amount"] = amount
    return declared({"fault": name, **given})


@dataclass(slots=True)
class Faults:
    pending: list[Fault] = field(default_factory=list)

    def plan(self, fault: Fault) -> None:
        self.pending.append(fault)

    def take(self, name: str, on: str | None = None) -> Any:
        """Say how much, if the fault strikes now; None if not."""
        for fault in self.pending:
            if fault.name != name or (fault.on and fault.on != on):
                continue
            if fault.call > 1:
                fault.call -= 1
            elif fault.times > 0:
                fault.times -= 1
                return fault.amount
        return None

    async def strike(self, on: str | None = None) -> Response | None:
        """Wait if slow; the answer to give if unavailable."""
        if seconds := self.take("slow", on):
            await asyncio.sleep(seconds)
        if self.take("unavailable", on):
            return JSONResponse({"message": "Service unavailable."}, status_code=503)
        return None
