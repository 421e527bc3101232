"""Who may import whom: data comes in at the top and leaves at the bottom."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import tajo_sf_pipeline

ROOT = Path(tajo_sf_pipeline.__file__).parent
FILES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}


def _imported(path: Path) -> Iterator[str]:
    """Name every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in FILES else str(node.module) for name in names)


IMPORTS = {name: set(_imported(path)) for name, path in FILES.items()}
STAGES = ("mapping", "snowflake", "brevo", "sync")
FACES = ("defs", "cli", "definitions")
EVERYTHING = tuple({name.split(".")[1] for name in FILES if "." in name})


def _in(module: str, *parents: str) -> bool:
    return any(f"{module}.".startswith(f"{parent}.") for parent in parents)


@pytest.mark.parametrize(
    ("who", "whom"),
    [
        ("errors", EVERYTHING),
        ("settings", STAGES + FACES),
        ("audience", STAGES + FACES),
        ("audiences", STAGES + FACES),
        ("mapping", ("settings", "places", "parquet", "snowflake", "brevo", "sync", *FACES)),
        ("snowflake", ("mapping", "brevo", "sync", *FACES)),
        ("brevo", ("mapping", "snowflake", "sync", *FACES)),
        ("sync", ("snowflake", *FACES)),
        ("quality", ("snowflake", "brevo", "sync", "stages", *FACES)),
        ("stages", FACES),
        ("inspection", ("snowflake", "brevo", *FACES)),
        ("preview", ("snowflake", "brevo", "sync", *FACES)),
        ("alerts", (*STAGES, "audience", "audiences", *FACES)),
        ("defs", ("cli",)),
        ("sandbox", tuple(set(EVERYTHING) - {"sandbox"})),
    ],
)
def test_part_does_not_import(who: str, whom: tuple[str, ...]) -> None:
    """A part knows only those that stand above it; the sandbox knows nobody."""
    forbidden = [f"{ROOT.name}.{part}" for part in whom]
    assert [] == [
        f"{module} imports {other}"
        for module, others in IMPORTS.items()
        for other in others
        if _in(module, f"{ROOT.name}.{who}") and _in(other, *forbidden)
    ]


@pytest.mark.parametrize(
    ("library", "only"),
    [
        ("dagster", ("defs",)),
        ("dagster_snowflake", ("defs",)),
        ("snowflake", ("snowflake", "sandbox")),
        ("httpx", ("alerts", "brevo", "snowflake", "sandbox", "cli.demo")),
        (f"{ROOT.name}.cli", ("cli",)),
    ],
)
def test_only_one_part_imports(library: str, only: tuple[str, ...]) -> None:
    """What talks to the world does so in one place."""
    allowed = [f"{ROOT.name}.{part}" for part in only]
    importers = [name for name, others in IMPORTS.items() if any(_in(o, library) for o in others)]
    assert [] == [name for name in importers if not _in(name, *allowed)]


def test_only_settings_reads_the_environment() -> None:
    """No setting comes in by the back door."""
    texts = {name: path.read_text(encoding="utf-8") for name, path in FILES.items()}
    readers = [name for name, text in texts.items() if "os.environ" in text or "getenv" in text]
    assert [f"{ROOT.name}.settings"] == readers


MAPPING = [path for name, path in FILES.items() if _in(name, f"{ROOT.name}.mapping")]
# They compute: none of them is a network, a clock, the environment or a file.
COMPUTING = (
    "collections", "dataclasses", "datetime", "difflib", "functools", "hashlib", "itertools",
    "json", "re", "typing", "zoneinfo", "duckdb", "email_validator", "iso4217", "langcodes",
    "numpy", "phonenumbers", "pyarrow", "pycountry", "xxhash", ROOT.name,
)  # fmt: skip
NOT_PURE = {"now", "today", "utcnow", "open", "read_parquet", "getenv", "environ"}


def _impure(path: Path) -> Iterator[str]:
    """Tell what in a file could give another answer tomorrow, or on another machine."""
    yield from (name for name in _imported(path) if not _in(name, *COMPUTING))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in NOT_PURE:
                yield name
            case ast.Global(names=names):
                yield from names


@pytest.mark.parametrize("path", MAPPING, ids=lambda path: path.stem)
def test_mapping_is_pure(path: Path) -> None:
    """No network, no clock, no environment; only the search for duplicates is given a file."""
    assert [] == [name for name in _impure(path) if (path.stem, name) != ("duplicates", "pathlib")]


def test_no_circles() -> None:
    """The modules can be put in an order in which each imports only earlier ones."""
    graph = {name: others & FILES.keys() for name, others in IMPORTS.items()}
    assert len(FILES) == len(list(TopologicalSorter(graph).static_order()))
