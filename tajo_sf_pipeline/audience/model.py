"""An audience: all that a stage must know of it."""

from collections.abc import Mapping

from tajo_sf_pipeline.audience.field_mapping import Field
from tajo_sf_pipeline.audience.specification import Specification
from tajo_sf_pipeline.audience.statement import Statement, Table
from tajo_sf_pipeline.config.settings import Cron


class Audience(Specification):
    """One query, one mapping, one destination: a specification without gaps, and its query.

    `fields` says for each source column, lower-cased, what becomes of it. Columns that are
    `optional` may be missing in the result: the connector-wide mapping names them.
    """

    name: str
    statement: Statement
    fields: Mapping[str, Field]
    optional: bool = False
    shipped: bool = False
    schedule: Cron

    def sources(self, database: str, schema: str) -> tuple[Table, ...]:
        """List the tables that it reads: those that it declares, else those of its SQL."""
        return self.freshness.declared(database, schema) or self.statement.sources(database, schema)

    @property
    def key_target(self) -> str:
        """What tells one row from another: `email`, `ext_id`, `SMS` or `event_id`."""
        return self.destination.key_target(self.key)

    @property
    def key_column(self) -> str:
        """The source that holds the key."""
        return next(source for source, field in self.fields.items() if field.to == self.key_target)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns, lower-cased, that it reads besides its fields'."""
        return tuple(
            name for name in (self.cursor, self.destination.column, self.consent.at) if name
        )

    @property
    def clears(self) -> bool:
        """Whether a null of any field erases what Brevo has."""
        return any((field.nulls or self.nulls) == "clear" for field in self.fields.values())

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes and flags of contacts that it writes, as far as its SQL says."""
        columns = self.statement.columns() if self.optional else None
        return tuple(
            name
            for source, field in self.fields.items()
            if field.to != self.key_target and (columns is None or field.reads(source) <= columns)
            if (name := self.destination.contact_attribute(field.to)) is not None
        )
