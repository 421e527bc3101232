"""An audience: all that a stage must know of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from tajo_sf_pipeline.audience.check_rules import CheckSetting
from tajo_sf_pipeline.audience.destination import Destination, Guards
from tajo_sf_pipeline.audience.field_mapping import CONTACT, Field, Key, key_target
from tajo_sf_pipeline.audience.freshness import Freshness
from tajo_sf_pipeline.audience.specification import Mode, OnLeave, OnUncertain, Verify
from tajo_sf_pipeline.audience.statement import Statement, Table


@dataclass(frozen=True, slots=True)
class Audience:
    """One query, one mapping, one destination.

    `fields` says for each source column, lower-cased, what becomes of it. Columns that are
    `optional` may be missing in the result: the connector-wide mapping names them.
    """

    name: str
    description: str
    statement: Statement
    fields: Mapping[str, Field]
    optional: bool
    cursor: str | None
    lookback: timedelta
    destination: Destination
    nulls: Literal["skip", "clear"]
    shared: bool
    schedule: str
    owners: tuple[str, ...]
    shipped: bool = False
    mode: Mode = "upsert"
    on_leave: OnLeave = "remove_from_list"
    allow_empty: bool = False
    guards: Guards = field(default_factory=Guards)
    verify: Verify = "sample"
    create_attributes: bool = False
    on_uncertain: OnUncertain = "resend"
    checks: Mapping[str, CheckSetting] = field(default_factory=dict)
    freshness: Freshness = field(default_factory=Freshness)
    catch_up: timedelta = timedelta(days=3)
    key: Key = "email"
    resubscribe: bool = False
    phone_region: str | None = None

    def sources(self, database: str, schema: str) -> tuple[Table, ...]:
        """List the tables that it reads: those that it declares, else those of its SQL."""
        return self.freshness.declared(database, schema) or self.statement.sources(database, schema)

    @property
    def key_target(self) -> str:
        """What tells one row from another: `email`, `ext_id`, `SMS` or `event_id`."""
        return key_target(self.destination.kind, self.key)

    @property
    def key_column(self) -> str:
        """The source that holds the key."""
        return next(source for source, field in self.fields.items() if field.to == self.key_target)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns, lower-cased, that it reads beside its fields'."""
        to = self.destination
        beside = (to.list_from, to.event_from, to.association.column if to.association else None)
        return tuple(name for name in (self.cursor, *beside) if name)

    @property
    def clears(self) -> bool:
        """Whether a null of any field erases what Brevo has."""
        return any((field.nulls or self.nulls) == "clear" for field in self.fields.values())

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes and flags of contacts that it writes, as far as its SQL says."""
        if self.destination.kind == "events":
            targets = [field.to for field in self.fields.values()]
            return tuple(to.removeprefix(CONTACT) for to in targets if to.startswith(CONTACT))
        if self.destination.kind == "objects":
            return ()
        columns = self.statement.columns() if self.optional else None
        return tuple(
            field.to
            for source, field in self.fields.items()
            if field.to != self.key_target and (columns is None or field.reads(source) <= columns)
        )
