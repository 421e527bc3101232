"""The seam of a kind of destination: what the engine asks, whatever the kind."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.audience.written_column import WrittenColumn
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.brevo.verify import Difference
from tajo_sf_pipeline.destinations.delivery import Delivery
from tajo_sf_pipeline.destinations.preflight import Preflight
from tajo_sf_pipeline.planning.consent import OptOut
from tajo_sf_pipeline.planning.plan import Part, Plan, Route

Connect = Callable[[], Client]


class Sender(Protocol):
    """Sends one plan; what is accepted and refused is settled with the delivery as it is known."""

    def send(self, part: Part) -> None:
        """Send every row of a part. Raises what the client raises, after settling what it can."""

    def finish(self) -> None:
        """Wait for what Brevo applies in the background, until the deadline."""


class Writer(ABC):
    """One kind of target, for one audience; it holds no state of a run.

    A kind says how its rows travel (`route`) and sends them (`sender`). What else it overrides is
    what it has beside that: the rest is right for rows that join no list, leave nothing behind,
    may be written twice and cannot be read back.
    """

    def __init__(self, audience: Audience) -> None:
        self.audience = audience

    @abstractmethod
    def route(self, category: str, list_name: str | None, rows: int) -> tuple[Route, str]:
        """Choose how so many rows travel that need the same, and say why."""

    @abstractmethod
    def sender(self, delivery: Delivery) -> Sender:
        """Return what sends the parts of one plan."""

    def leaving(self, columns: Iterable[WrittenColumn]) -> str | None:  # noqa: ARG002
        """Return the attributes, as JSON, that a row gets that leaves; None where it gets none."""
        return None

    def existing(self, connect: Connect, keys: pa.Array) -> pa.Array:  # noqa: ARG002
        """Return those of the keys that Brevo has, for modes that depend on it."""
        return keys.slice(0, 0)

    def opt_outs(self, connect: Connect, keys: Sequence[str]) -> Mapping[str, OptOut]:  # noqa: ARG002
        """Return the flags and opt-outs of those of the keys that Brevo has (S09)."""
        return {}

    def preflight(self, connect: Connect, columns: Iterable[WrittenColumn]) -> Preflight | None:  # noqa: ARG002
        """Return what of the columns Brevo would not take; None where it takes whatever comes."""
        return None

    def prepare(
        self,
        client: Client,  # noqa: ARG002
        columns: Iterable[WrittenColumn],  # noqa: ARG002
        plan: Plan,  # noqa: ARG002
    ) -> Mapping[str | None, int]:
        """Make ready what the plan's rows need, and return the lists that they join, by name.

        Raises `MappingError` where Brevo would drop or cut a value (S16).
        """
        return {}

    def begin(self, delivery: Delivery) -> None:  # noqa: B027 - most kinds have nothing to look at
        """Look at what is there before the first write (S08)."""

    def settle_lost(self, delivery: Delivery, rows: pa.Table, list_id: int | None) -> None:
        """Settle rows of a killed run whose call may have gone out: nobody knows its answer.

        The next plan writes them again, as they shall be.
        """
        delivery.mark_unknown(rows, list_id)

    def differences(
        self,
        client: Client,  # noqa: ARG002
        rows: pa.Table,  # noqa: ARG002
        since: datetime,  # noqa: ARG002
    ) -> Iterable[Difference] | None:
        """Compare accepted rows with what Brevo holds; None where it shows nothing to compare."""
        return None

    def complete(self, delivery: Delivery, lane: Lane) -> None:  # noqa: B027 - as `begin`
        """Do what follows a delivery of which every row was accepted."""
