"""The seam of state: what a run remembers, and how one writer is ensured, wherever it is kept.

`files` keeps it in files of one machine. All of it may hold
people's data. Where a verb raises, nothing is changed: `BusyError` while somebody else keeps the
state, `LocalStorageError` where a disk is full, `ConfigurationError` where what is there is
damaged or was written by a later version.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal, Protocol

import duckdb
import pyarrow as pa

from tajo_sf_pipeline.state.dead_letter import DeadLetter, Filter
from tajo_sf_pipeline.state.run_summary import Summary


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a row: its last two payloads as Brevo accepted them, and where from."""

    key: str
    present: bool
    version: datetime
    lists: tuple[int, ...]
    payload: str | None
    payload_before: str | None
    source_row: int | None
    sync_date: date | None
    action: str
    run_id: str
    confirmed_at: datetime


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """A campaign in Brevo, by its id."""

    id: int
    sent: bool


@dataclass(frozen=True, slots=True)
class InFlightBatch:
    """Rows of a plan's file that were sent together, and what is needed to settle them.

    `plan` is where the file is, for this process. `digest` is of the request's body, `list_id` the
    list that they join, and `processes` are the numbers that Brevo gave; they are empty until its
    answer is known. `at` is in seconds since 1970.
    """

    number: int
    run_id: str
    plan: str
    route: str
    category: str
    list_id: int | None
    first: int
    rows: int
    digest: str
    at: float
    processes: tuple[int, ...] = ()


class Ledger(Protocol):
    """What Brevo has accepted from one audience, row by row (S02).

    A verb that writes is one transaction: when it returns, all of it is durable, and where it
    raises, nothing has changed. Who writes holds the audience's lock; anyone may read meanwhile.
    Rows are those of a plan; columns that they lack are null.
    """

    def reading(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open what is known: a connection in which the ledger's tables stand in `ledger`.

        They are `rows`, `payloads`, `failed`, `guests` (pre-existing members), `campaigns`,
        `runs` and `watermark`; whoever asks makes tables of its own beside them.
        """

    def unknown(self, mapped: Path) -> pa.Array:
        """Return the keys of mapped rows that the ledger does not know, in their order."""

    def confirm(self, rows: pa.Table, run_id: str, *, new: bool = False) -> None:
        """Remember rows of a plan that Brevo has accepted; none of them failed any more.

        `new` says that none of them is known yet. A row that left the mirror (`remove`) is kept as
        not present, so that it can come back.
        """

    def fail(self, rows: pa.Table, run_id: str, *, held: bool = False) -> None:
        """Remember rows that were refused, and `why`: later runs try them again, unless `held`."""

    def mark_unknown(self, rows: pa.Table, run_id: str, *, mirror: bool) -> None:
        """Remember that nobody knows whether Brevo has rows of a plan as they were sent (S05).

        Whatever their source says is news then, also what Brevo had accepted before. New rows of a
        mirror are known from now on, so that they can leave it.
        """

    def advance(self, mapped: Path) -> None:
        """Raise the versions of rows whose source is newer and says the same (S04).

        Else a backfill of a date between the two versions would turn such a contact back.
        """

    def history(self, key: str) -> Known | None:
        """Return what is known of one row, or None."""

    def release(self, keys: Sequence[str]) -> int:
        """Let the next run send held rows again, as any that failed; return how many were held."""

    def failed(self) -> pa.Table:
        """Return the rows refused and not accepted since: key, reason, held, sync_date, run_id."""

    def forget_failures(self, mapped: Path) -> None:
        """Forget the failures of rows that are not in the whole source any more, but no held one.

        Such a row may come back, and may have arrived: that stays with a person.
        """

    def has_snapshot(self, number: int) -> bool:
        """Return whether it is known who was on a list before the audience wrote to it."""

    def snapshot_members(self, number: int, members: Sequence[str]) -> None:
        """Remember who is on a list already: a mirror leaves them there (S08)."""

    def campaign(self, name: str) -> CampaignRecord | None:
        """Return the campaign of a name, if it was made."""

    def record_campaign(self, name: str, number: int, *, sent: bool) -> None:
        """Remember a campaign, so that no second one of its name is made."""

    def finish(
        self, summary: Summary, *, last_sync: datetime | None, newest: datetime | None
    ) -> None:
        """Remember a run; a moment that is not None moves the watermark, and never back."""

    def last_sync(self) -> datetime | None:
        """Return how far the incremental path has come; None if it has never succeeded."""

    def present(self) -> int:
        """Count the rows that Brevo holds because of this audience."""

    def is_news(self, mapped: Path) -> bool:
        """Return whether any mapped row says something that Brevo has not accepted as it is."""

    def lists_of(self, run_id: str) -> list[tuple[str | None, int, int]]:
        """Count the rows that a run put on each list: `list_from`'s value, the id, the rows."""

    def run_of(self, run_id: str) -> Summary:
        """Return what a run did, by Dagster's id of it; an unknown one is an `InternalError`."""

    def runs(self, limit: int = 20) -> list[tuple[datetime, Summary]]:
        """Return the latest runs with the moments at which they ended, the latest first."""

    def confirmed_by(self, run_id: str) -> int:
        """Count the rows of its extract that this run was the last to write.

        Of a run that was tried again under the same id, only its last attempt counts.
        """


class Journal(Protocol):
    """The batches of one audience that are not settled yet, before and after a crash (S05).

    When a verb returns, what it says is durable: a call goes out only after `begin`. Who writes
    holds the audience's lock, and is the only one whose journal knows of it at once.
    """

    @property
    def unsettled(self) -> tuple[InFlightBatch, ...]:
        """The batches that were begun and not settled, in that order."""

    def begin(self, batch: InFlightBatch, /) -> int:
        """Write down what will be sent; return the number that it has among those unsettled."""

    def started(self, number: int, /, *processes: int) -> None:
        """Write down the processes with which Brevo answered."""

    def settled(self, number: int, /) -> None:
        """Write down that nothing of a batch is open any more."""


class DeadLetters(Protocol):
    """The rows of all audiences that the mapping or Brevo refused, until they are settled (S06).

    Each verb is one transaction, durable when it returns; any number of processes may call them.
    `dead_letters` says what opens a dead letter and what closes it.
    """

    def add(
        self,
        rows: pa.Table,
        *,
        audience: str,
        sync_date: date,
        run_id: str,
        kind: str,
        query_id: str | None = None,
    ) -> None:
        """Keep refused rows: `key` and `reason`, and where known the others of `COLUMNS`.

        A dead letter that exists counts one attempt more, however often the same run adds it.
        """

    def settle(
        self,
        *,
        audience: str,
        run_id: str,
        mapped: Path,
        pending: Sequence[str] = (),
        whole: bool = False,
    ) -> None:
        """Close what a finished run has settled: open dead letters that it did not write again.

        A row that is in `mapped` needs nothing any more, unless its answer is `pending`. Where the
        extract is the `whole` source (its query binds no window), a row that is not in it has left.
        """

    def close(self, keys: Sequence[str], *, audience: str, run_id: str) -> None:
        """Mark open dead letters of these keys as accepted, but for those that this run wrote."""

    def keys(self, audience: str, *, but_of_run: str | None = None) -> pa.Array:
        """Return the keys of an audience's open dead letters, each once: rows to be tried again."""

    def discarded(self, audience: str) -> pa.Table:
        """Return `key` and `fingerprint` of the rows that a person has given up as they were sent.

        A run leaves them out; with other values, a row has another fingerprint and is sent again.
        What may have arrived has none (null): whatever its values, it is not sent again.
        """

    def find(self, which: Filter, *, limit: int = -1) -> list[DeadLetter]:
        """Return the dead letters that a filter takes, the latest first; -1 sets no limit."""

    def count(self, which: Filter) -> int:
        """Count the dead letters that a filter takes."""

    def reasons(self, which: Filter) -> dict[tuple[str, str], int]:
        """Count dead letters by column and reason, the most frequent first."""

    def end(self, ids: Sequence[int], state: Literal["discarded", "replayed"]) -> int:
        """Close open dead letters as a person asked; return how many were open."""

    def prune(self, closed_before: datetime) -> int:
        """Remove dead letters closed, and last refused, before a moment; return how many.

        Of what may have arrived and was discarded the key is kept: else it would be sent again.
        """


class State(Protocol):
    """What one workspace remembers. An audience that has never synced has an empty state."""

    def ledger(self, audience: str) -> Ledger:
        """Return an audience's ledger; to read one that is not there makes it."""

    def has_ledger(self, audience: str) -> bool:
        """Return whether an audience has a ledger: who only looks makes none."""

    def journal(self, audience: str) -> Journal:
        """Return an audience's journal, with what every earlier one has left unsettled."""

    @property
    def dead_letters(self) -> DeadLetters:
        """The dead letters of all audiences."""

    def writing(self, audience: str, run_id: str | None = None) -> AbstractContextManager[None]:
        """Be the audience's one writer, whichever process or thread asks.

        Waits a little for another, then raises `BusyError` (TAJO-145); `run_id` names this writer
        to whoever waits, where that can be known. A writer that dies lets go.
        """

    @property
    def budget(self) -> Path | None:
        """Where processes share the account's rate budget; None: each has its own, in memory."""
