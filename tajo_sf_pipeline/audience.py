"""A pair in sql/, or a query in tajo.yaml, as an `Audience`: all that a stage must know of it."""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import pydantic
from pydantic import model_validator

from tajo_sf_pipeline.destination import Destination, Guards
from tajo_sf_pipeline.document import Document, Model, read, validated
from tajo_sf_pipeline.duration import Duration
from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.field_mapping import (
    CONTACT,
    KEY_FIELD,
    Field,
    FieldMapping,
    Key,
    fitted,
    key_target,
)
from tajo_sf_pipeline.freshness import Freshness
from tajo_sf_pipeline.quality.rules import Checks, CheckSetting
from tajo_sf_pipeline.settings import SHIPPED_AUDIENCES, Cron, Settings
from tajo_sf_pipeline.statement import Statement, Table

NAME = re.compile(r"[a-z][a-z0-9_]*")
Mode = Literal["upsert", "insert", "update", "mirror", "append"]
OnLeave = Literal["remove_from_list", "clear_attributes", "blocklist", "delete"]
Verify = Literal["sample", "all", "off"]
OnUncertain = Literal["resend", "hold"]


class Consent(Model):
    """Whether a consent that says yes may take a contact from the blocklist (S09)."""

    resubscribe: bool = False


class AudienceFile(Model):
    """``sql/<name>.yaml``."""

    other_spellings: ClassVar[Mapping[str, str]] = {"attribute_mapping": "field_mapping"}

    description: str = ""
    enabled: bool = True
    mode: Mode = "upsert"
    key: Key = "email"
    cursor: str | None = None
    lookback: Duration = timedelta(hours=1)
    field_mapping: FieldMapping | None = None
    destination: Destination = Destination()
    nulls: Literal["skip", "clear"] = "skip"
    consent: Consent = Consent()
    phone_region: str | None = pydantic.Field(default=None, pattern="^[A-Z]{2}$")
    shared: bool = False
    on_leave: OnLeave = "remove_from_list"
    allow_empty: bool = False
    guards: Guards = Guards()
    verify: Verify = "sample"
    create_attributes: bool = False
    on_uncertain: OnUncertain = "resend"
    schedule: Cron | None = None
    freshness: Freshness = Freshness()
    catch_up: Duration = timedelta(days=3)
    owners: list[str] = []
    checks: Checks = {}

    @model_validator(mode="before")
    @classmethod
    def _events_are_appended(cls, given: Any) -> Any:
        """Take `append` for granted where the destination is an event."""
        to = given.get("destination") if isinstance(given, dict) else None
        events = isinstance(to, dict) and (to.get("event") or to.get("event_from"))
        return {"mode": "append", **given} if events else given

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        events = self.destination.kind == "events"
        if (self.mode == "append") != events:
            raise ValueError("events are sent with `mode: append`, and `append` sends events")
        leaving = self.model_fields_set & {"on_leave", "allow_empty"}
        if leaving and self.mode != "mirror":
            raise ValueError(f"`{min(leaving)}` is about rows that leave a `mode: mirror`")
        objects = self.destination.kind == "objects"
        if objects and self.mode == "mirror" and self.on_leave != "delete":
            raise ValueError("objects that leave a mirror are deleted: say `on_leave: delete`")
        if "on_uncertain" in self.model_fields_set and not events:
            raise ValueError("`on_uncertain` is about events; contacts may be sent twice")
        return self


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


@dataclass(frozen=True, slots=True)
class Audiences:
    """The audiences of a workspace by name, and what a person should know of how they came out."""

    by_name: Mapping[str, Audience]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Audience]:
        return iter(self.by_name.values())

    def named(self, name: str) -> Audience:
        """Give one audience; raise `ConfigurationError` listing the names that exist."""
        if name in self.by_name:
            return self.by_name[name]
        known = ", ".join(self.by_name) or "none is enabled"
        raise ConfigurationError(
            "TAJO-111", f"there is no audience {name!r}", f"The workspace's audiences: {known}."
        )


def load(settings: Settings) -> Audiences:
    """Load every audience that is switched on; raise `ConfigurationError` with file and line."""
    if not settings.snowflake.enabled:
        return Audiences({}, ("connectors.snowflake is not enabled: no audience runs",))
    pairs = {audience.name: audience for audience in _pairs(settings)}
    queries = {audience.name: audience for audience in _queries(settings)}
    for name in sorted(pairs.keys() & queries.keys()):
        raise ConfigurationError(
            "TAJO-112",
            f"the audience {name!r} stands twice: in {pairs[name].statement.origin} and in "
            f"{queries[name].statement.origin}",
            "Rename or remove one of them.",
        )
    audiences, yielded = _with_one_owner_each([*pairs.values(), *queries.values()])
    return Audiences(
        {audience.name: audience for audience in audiences}, (*yielded, *_unused(settings))
    )


def one_off(
    settings: Settings, statement: Statement, fields: Mapping[str, str], list_id: int
) -> Audience:
    """Make the audience of a single `tajo connectors sync --query`.

    Its name comes from what it does, so that the same command again finds the same ledger.
    """
    told = repr((statement.text, sorted(fields.items()), list_id))
    name = f"one_off_{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    mapping = fields if KEY_FIELD in fields.values() else {KEY_FIELD: KEY_FIELD, **fields}
    document = Document(
        Path("--map"), {"field_mapping": mapping, "destination": {"list_id": list_id}}, {}
    )
    return _audience(name, validated(AudienceFile, document), statement, settings)


def shipped_folder() -> Path:
    """Give the folder of the pairs that ship: inside the wheel, or the repository's own sql/."""
    package = Path(__file__).parent
    inside = package / "shipped" / "sql"
    return inside if inside.is_dir() else package.parent / "sql"


def _pairs(settings: Settings) -> Iterator[Audience]:
    own = sorted(path.stem for path in settings.sql_folder.glob("*.yaml"))
    for name in dict.fromkeys((*SHIPPED_AUDIENCES, *own)):
        if name in SHIPPED_AUDIENCES and not getattr(settings.snowflake.sync, name):
            continue
        folder = settings.sql_folder if name in own else shipped_folder()
        file, statement = _read_pair(folder / f"{name}.yaml", settings)
        if file.enabled:
            audience = _audience(name, file, statement, settings)
            shipped = name in SHIPPED_AUDIENCES and folder.resolve() == shipped_folder().resolve()
            yield replace(audience, shipped=shipped)


def _unused(settings: Settings) -> Iterator[str]:
    """Say which files of the workspace's own folder make no audience."""
    own = {path.stem for path in settings.sql_folder.glob("*.yaml")}
    ships = settings.sql_folder.resolve() == shipped_folder().resolve()
    for path in sorted(settings.sql_folder.glob("*.sql")):
        name = path.stem
        if name not in own:
            yield f"{path} has no {name}.yaml: not used"
        elif name in SHIPPED_AUDIENCES and not (ships or getattr(settings.snowflake.sync, name)):
            yield f"{path} is not used: connectors.snowflake.sync.{name} is not on"


def _read_pair(path: Path, settings: Settings) -> tuple[AudienceFile, Statement]:
    file = validated(AudienceFile, read(path, settings.environment))
    query = path.with_suffix(".sql")
    try:
        return file, Statement(query.read_text(encoding="utf-8"), str(query))
    except OSError as error:
        raise ConfigurationError(
            "TAJO-113",
            f"{path} has no query: {query} cannot be read ({error.strerror})",
            f"Write the audience's SELECT into {query}, or remove {path.name}.",
        ) from None


def _queries(settings: Settings) -> Iterator[Audience]:
    for name, text in settings.snowflake.queries.items():
        origin = f"{settings.path}:{settings.lines.get(name, 1)}"
        yield _audience(name, AudienceFile(), Statement(text, origin), settings)


def _audience(name: str, file: AudienceFile, statement: Statement, settings: Settings) -> Audience:
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            "TAJO-114",
            f"{statement.origin}: {name!r} cannot be an audience's name",
            "Use lower-case letters, digits and _, and start with a letter.",
        )
    # Errors now, not in the night.
    statement.check_is_one_query()
    _check_is_whole(name, file, statement.binds(), statement)
    own = file.field_mapping
    mapping = own if own is not None else settings.snowflake.field_mapping
    if not mapping:
        raise ConfigurationError(
            "TAJO-116",
            f"{statement.origin}: {name} has no field mapping",
            "Add a field_mapping to the audience, or to connectors.snowflake for all queries.",
        )
    destination = file.destination
    if destination.kind == "contacts" and not (
        destination.list or destination.list_id or destination.list_from
    ):
        destination = destination.model_copy(update={"list": name})
    return Audience(
        name=name,
        description=file.description or f"The query in {Path(statement.origin).name}",
        statement=statement,
        fields=_fitted(name, file, mapping, statement),
        optional=own is None,
        cursor=file.cursor.lower() if file.cursor else None,
        lookback=file.lookback,
        destination=destination,
        nulls=file.nulls,
        shared=file.shared,
        schedule=file.schedule or settings.snowflake.sync.schedule,
        owners=tuple(file.owners),
        mode=file.mode,
        on_leave=file.on_leave,
        allow_empty=file.allow_empty,
        guards=file.guards,
        verify=file.verify,
        create_attributes=file.create_attributes,
        on_uncertain=file.on_uncertain,
        key=file.key,
        resubscribe=file.consent.resubscribe,
        phone_region=file.phone_region,
        freshness=file.freshness,
        catch_up=file.catch_up,
        checks=file.checks,
    )


def _check_is_whole(
    name: str, file: AudienceFile, binds: Collection[str], statement: Statement
) -> None:
    """Refuse a mirror of a query that returns only what is new: the others would leave the list."""
    if file.mode == "mirror" and (part := sorted({"last_sync", "window_start"} & set(binds))):
        raise ConfigurationError(
            "TAJO-129",
            f"{statement.origin} binds {', '.join(f':{bind}' for bind in part)}, and {name} is a "
            "mirror: whoever is not in the extract would leave the list",
            "Select the whole audience, or take another mode.",
        )


def _fitted(
    name: str, file: AudienceFile, mapping: Mapping[str, Field], statement: Statement
) -> Mapping[str, Field]:
    kind = file.destination.kind
    try:
        return fitted(mapping, kind, file.key, dated=file.cursor is not None)
    except ValueError as error:
        raise ConfigurationError(
            "TAJO-134",
            f"{statement.origin}: the field mapping of {name} does not fit {kind}: {error}",
            "Correct the audience's `field_mapping`, `key` or `destination`.",
        ) from None


def _with_one_owner_each(audiences: Iterable[Audience]) -> tuple[list[Audience], list[str]]:
    """Hold S12: two audiences that write one attribute or list are refused.

    Audiences that say ``shared: true`` may share; one that ships yields to the user's own.
    """
    settled, notes = [], []
    audiences = list(audiences)
    written = {audience.name: audience.attributes for audience in audiences}
    for audience in audiences:
        others = [other for other in audiences if other is not audience]
        mine = written[audience.name]
        for other, name in [(o, n) for o in others for n in written[o.name] if n in mine]:
            if audience.shared and other.shared:
                continue
            if audience.shipped and not other.shipped:
                audience = _without(audience, name)  # noqa: PLW2901 - the loop settles it
                notes.append(f"{audience.name} leaves {name} to {other.name}, which maps it")
            elif audience.shipped == other.shipped:
                raise _two_owners(f"the Brevo attribute {name}", audience, other)
        settled.append(audience)
        for other in others:
            what = _same_target(audience.destination, other.destination)
            if what and not (audience.shared and other.shared):
                raise _two_owners(what, audience, other)
    return settled, notes


def _without(audience: Audience, attribute: str) -> Audience:
    return replace(audience, fields={s: f for s, f in audience.fields.items() if f.to != attribute})


def _same_target(mine: Destination, its: Destination) -> str | None:
    """Say what two destinations have in common."""
    for name, what in (("event", "the event"), ("object", "the objects")):
        if getattr(mine, name) is not None and getattr(mine, name) == getattr(its, name):
            return f"{what} {getattr(mine, name)}"
    by_id = mine.list_id is not None and mine.list_id == its.list_id
    by_name = mine.list is not None and (mine.folder, mine.list) == (its.folder, its.list)
    return "the same list" if by_id or by_name else None


def _two_owners(what: str, one: Audience, other: Audience) -> ConfigurationError:
    first, second = sorted((one, other), key=lambda audience: audience.name)
    return ConfigurationError(
        "TAJO-115",
        f"two audiences write {what}: {first.name} ({first.statement.origin}) and "
        f"{second.name} ({second.statement.origin})",
        "Take it out of one of them, or say `shared: true` in both.",
    )
