"""A pair in sql/, or a query in tajo.yaml, as an `Audience`: all that a stage must know of it."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from tajo_sf_pipeline.document import Document, Model, NotYet, read, validated
from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.field_mapping import KEY_FIELD, FieldMapping
from tajo_sf_pipeline.settings import SHIPPED_AUDIENCES, Cron, Settings
from tajo_sf_pipeline.statement import Statement

NAME = re.compile(r"[a-z][a-z0-9_]*")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(given: Any) -> timedelta:
    found = re.fullmatch(r"(\d+)([smhd])", str(given).strip())
    if not found:
        raise ValueError("must be a duration such as 90s, 30m, 26h or 2d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


Duration = Annotated[timedelta, BeforeValidator(_duration)]


class Destination(Model):
    """Where the contacts go: a list by name (made once) or by id."""

    list: str | None = Field(default=None, min_length=1)
    folder: str = Field(default="Tajo", min_length=1)
    list_id: int | None = Field(default=None, ge=1)
    list_from: Annotated[str | None, NotYet("one list for each value of a column")] = None
    event: Annotated[str | None, NotYet("sending events")] = None
    object: Annotated[str | None, NotYet("sending custom objects")] = None

    @model_validator(mode="after")
    def _one_list(self) -> Self:
        if self.list is not None and self.list_id is not None:
            raise ValueError("give `list` or `list_id`, not both")
        return self


class AudienceFile(Model):
    """``sql/<name>.yaml``."""

    other_spellings: ClassVar[Mapping[str, str]] = {"attribute_mapping": "field_mapping"}

    description: str = ""
    enabled: bool = True
    mode: Annotated[
        Literal["upsert", "insert", "update", "mirror", "append"], NotYet("this mode", "upsert")
    ] = "upsert"
    key: Annotated[Literal["email", "ext_id", "sms"], NotYet("this key", "email")] = "email"
    cursor: str | None = None
    lookback: Duration = timedelta(hours=1)
    field_mapping: FieldMapping | None = None
    destination: Destination = Destination()
    nulls: Literal["skip", "clear"] = "skip"
    shared: bool = False
    on_leave: Annotated[str | None, NotYet("`on_leave`")] = None
    guards: Annotated[dict[str, Any] | None, NotYet("`guards`")] = None
    schedule: Cron | None = None
    freshness: Annotated[dict[str, Any] | None, NotYet("`freshness`")] = None
    owners: list[str] = []


@dataclass(frozen=True, slots=True)
class Audience:
    """One query, one mapping, one destination.

    `fields` maps source columns, lower-cased, to Brevo's names; `email` is the key. Columns that
    are `optional` may be missing in the result: the connector-wide mapping names them.
    """

    name: str
    description: str
    statement: Statement
    fields: Mapping[str, str]
    optional: bool
    cursor: str | None
    lookback: timedelta
    destination: Destination
    nulls: Literal["skip", "clear"]
    shared: bool
    schedule: str
    owners: tuple[str, ...]
    shipped: bool = False

    @property
    def key_column(self) -> str:
        """The source column that holds the e-mail."""
        return next(source for source, target in self.fields.items() if target == KEY_FIELD)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The Brevo attributes that this audience writes, as far as its SQL says."""
        columns = self.statement.columns() if self.optional else None
        return tuple(
            target
            for source, target in self.fields.items()
            if target != KEY_FIELD and (columns is None or source in columns)
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
    statement.binds()
    own = file.field_mapping
    fields = own if own is not None else settings.snowflake.field_mapping
    if KEY_FIELD not in fields.values():
        raise ConfigurationError(
            "TAJO-116",
            f"{statement.origin}: {name} has no field mapping",
            "Add a field_mapping to the audience, or to connectors.snowflake for all queries.",
        )
    destination = file.destination
    if destination.list is None and destination.list_id is None:
        destination = destination.model_copy(update={"list": name})
    return Audience(
        name=name,
        description=file.description or f"The query in {Path(statement.origin).name}",
        statement=statement,
        fields=fields,
        optional=own is None,
        cursor=file.cursor.lower() if file.cursor else None,
        lookback=file.lookback,
        destination=destination,
        nulls=file.nulls,
        shared=file.shared,
        schedule=file.schedule or settings.snowflake.sync.schedule,
        owners=tuple(file.owners),
    )


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
            if _same_list(audience, other) and not (audience.shared and other.shared):
                raise _two_owners("the same list", audience, other)
    return settled, notes


def _without(audience: Audience, attribute: str) -> Audience:
    return replace(audience, fields={s: t for s, t in audience.fields.items() if t != attribute})


def _same_list(one: Audience, other: Audience) -> bool:
    mine, its = one.destination, other.destination
    if mine.list_id is not None:
        return mine.list_id == its.list_id
    return (mine.folder, mine.list) == (its.folder, its.list)


def _two_owners(what: str, one: Audience, other: Audience) -> ConfigurationError:
    first, second = sorted((one, other), key=lambda audience: audience.name)
    return ConfigurationError(
        "TAJO-115",
        f"two audiences write {what}: {first.name} ({first.statement.origin}) and "
        f"{second.name} ({second.statement.origin})",
        "Take it out of one of them, or say `shared: true` in both.",
    )
