"""The audiences of a workspace: its pairs in sql/, those that ship, and its queries."""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tajo_sf_pipeline.audience.field_mapping import KEY_FIELD, Field, SharedMapping, fitted
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.ownership import with_one_owner_each
from tajo_sf_pipeline.audience.specification import Specification
from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.config.settings import SHIPPED_AUDIENCES, Settings
from tajo_sf_pipeline.config.yaml_document import Document, read, validated
from tajo_sf_pipeline.errors import ConfigurationError

NAME = re.compile(r"[a-z][a-z0-9_]*")
# What keys of other assets begin with, and groups are called.
_TAKEN = frozenset({"snowflake", "brevo"})
_SNOWFLAKE = ("connectors", "snowflake")


@dataclass(frozen=True, slots=True)
class Audiences:
    """The audiences of a workspace by name, and what a person should know of how they came out."""

    by_name: Mapping[str, Audience]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Audience]:
        return iter(self.by_name.values())

    def named(self, name: str) -> Audience:
        """Return one audience; raise `ConfigurationError` listing the names that exist."""
        if name in self.by_name:
            return self.by_name[name]
        names = ", ".join(self.by_name) or "none is enabled"
        raise ConfigurationError(
            "TAJO-111", f"there is no audience {name!r}", f"The workspace's audiences: {names}."
        )


def load(settings: Settings) -> Audiences:
    """Load every audience that is switched on; raise `ConfigurationError` with file and line."""
    shared = _shared_mapping(settings)
    if not settings.snowflake.enabled:
        return Audiences({}, ("connectors.snowflake is not enabled: no audience runs",))
    pairs = {audience.name: audience for audience in _pairs(settings, shared)}
    queries = {audience.name: audience for audience in _queries(settings, shared)}
    for name in sorted(pairs.keys() & queries.keys()):
        raise ConfigurationError(
            "TAJO-112",
            f"the audience {name!r} stands twice: in {pairs[name].statement.origin} and in "
            f"{queries[name].statement.origin}",
            "Rename or remove one of them.",
        )
    settled, yielded = with_one_owner_each([*pairs.values(), *queries.values()])
    return Audiences(
        {audience.name: audience for audience in settled}, (*yielded, *_unused(settings))
    )


def one_off(
    settings: Settings, statement: Statement, fields: Mapping[str, str], list_id: int
) -> Audience:
    """Make the audience of a single `tajo connectors sync --query`.

    Its name comes from what it does, so that the same command again finds the same ledger.
    """
    content = repr((statement.text, sorted(fields.items()), list_id))
    name = f"one_off_{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    mapping = fields if KEY_FIELD in fields.values() else {KEY_FIELD: KEY_FIELD, **fields}
    document = Document(
        Path("--map"), {"field_mapping": mapping, "destination": {"list_id": list_id}}, {}
    )
    return _audience(name, validated(Specification, document), statement, settings, {})


def shipped_folder() -> Path:
    """Return the folder of the pairs that ship: inside the wheel, or the repository's own sql/."""
    package = Path(__file__).parents[1]
    inside = package / "shipped" / "sql"
    return inside if inside.is_dir() else package.parent / "sql"


def _pairs(settings: Settings, shared: Mapping[str, Field]) -> Iterator[Audience]:
    own = sorted(path.stem for path in settings.sql_folder.glob("*.yaml"))
    for name in dict.fromkeys((*SHIPPED_AUDIENCES, *own)):
        if name in SHIPPED_AUDIENCES and not getattr(settings.snowflake.sync, name):
            continue
        folder = settings.sql_folder if name in own else shipped_folder()
        file, statement = _read_pair(folder / f"{name}.yaml", settings)
        if file.enabled:
            audience = _audience(name, file, statement, settings, shared)
            shipped = name in SHIPPED_AUDIENCES and folder.resolve() == shipped_folder().resolve()
            yield audience.model_copy(update={"shipped": shipped})


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


def _read_pair(path: Path, settings: Settings) -> tuple[Specification, Statement]:
    file = validated(Specification, read(path, settings.environment))
    query = path.with_suffix(".sql")
    try:
        return file, Statement(query.read_text(encoding="utf-8"), str(query))
    except OSError as error:
        raise ConfigurationError(
            "TAJO-113",
            f"{path} has no query: {query} cannot be read ({error.strerror})",
            f"Write the audience's SELECT into {query}, or remove {path.name}.",
        ) from None


def _shared_mapping(settings: Settings) -> Mapping[str, Field]:
    """Read the connector-wide mapping; it may be left out, but not be empty."""
    if "field_mapping" not in settings.snowflake.model_fields_set:
        return {}
    document = Document(settings.path, settings.snowflake.field_mapping, settings.lines)
    return validated(SharedMapping, document, at=(*_SNOWFLAKE, "field_mapping")).root


def _queries(settings: Settings, shared: Mapping[str, Field]) -> Iterator[Audience]:
    for name, text in settings.snowflake.queries.items():
        origin = f"{settings.path}:{settings.lines.get((*_SNOWFLAKE, 'queries', name), 1)}"
        yield _audience(name, Specification(), Statement(text, origin), settings, shared)


def _audience(
    name: str,
    file: Specification,
    statement: Statement,
    settings: Settings,
    shared: Mapping[str, Field],
) -> Audience:
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            "TAJO-114",
            f"{statement.origin}: {name!r} cannot be an audience's name",
            "Use lower-case letters, digits and _, and start with a letter.",
        )
    if name in _TAKEN:
        raise ConfigurationError(
            "TAJO-114",
            f"{statement.origin}: {name!r} cannot be an audience's name: assets of the warehouse's "
            "tables begin with it",
            "Rename the audience.",
        )
    # Errors now, not in the night.
    statement.check_is_one_query()
    _check_is_whole(name, file, statement.binds(), statement)
    own = file.field_mapping
    mapping = own if own is not None else shared
    if not mapping:
        raise ConfigurationError(
            "TAJO-116",
            f"{statement.origin}: {name} has no field mapping",
            "Add a field_mapping to the audience, or to connectors.snowflake for all queries.",
        )
    filled = {
        "description": file.description or f"The query in {Path(statement.origin).name}",
        "destination": file.destination.named(name),
        "schedule": file.schedule or settings.snowflake.sync.schedule,
    }
    return Audience(
        **{option: getattr(file, option) for option in file.model_fields_set} | filled,
        name=name,
        statement=statement,
        fields=_fitted(name, file, mapping, statement),
        optional=own is None,
    )


def _check_is_whole(
    name: str, file: Specification, binds: Collection[str], statement: Statement
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
    name: str, file: Specification, mapping: Mapping[str, Field], statement: Statement
) -> Mapping[str, Field]:
    to = file.destination
    try:
        return fitted(mapping, to, file.key, dated=file.cursor is not None)
    except ValueError as error:
        raise ConfigurationError(
            "TAJO-134",
            f"{statement.origin}: the field mapping of {name} does not fit {to.kind}: {error}",
            "Correct the audience's `field_mapping`, `key` or `destination`.",
        ) from None
