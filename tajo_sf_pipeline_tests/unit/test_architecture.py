"""Who may import whom: data comes in at the top and leaves at the bottom."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from itertools import pairwise
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
# Who stands above whom: a package imports what stands on a line above its own, and itself.
LAYERS = (
    ("errors",),
    ("config", "storage", "telemetry"),
    ("audience",),
    ("sources", "mapping", "brevo", "state"),
    ("planning",),
    ("destinations",),
    ("engine",),
    ("checks", "alerts"),
    ("defs",),
    ("cli", "definitions"),
)
LAYER = {part: number for number, parts in enumerate(LAYERS) for part in parts}
LOOSE = {"__init__", "definitions", "errors"}


def _in(module: str, *parents: str) -> bool:
    return any(f"{module}.".startswith(f"{parent}.") for parent in parents)


def _part(module: str) -> str:
    return module.removeprefix(f"{ROOT.name}.").partition(".")[0]


def test_every_module_is_at_home_in_a_package() -> None:
    """Loose at the root are only the public names, the errors and what Dagster loads."""
    assert {path.stem for path in ROOT.glob("*.py")} == LOOSE
    packages = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    assert packages - {"sandbox"} == LAYER.keys() - LOOSE


def test_no_arrow_leads_up() -> None:
    """A package knows only those that stand above it."""
    short = {name.removeprefix(f"{ROOT.name}."): others for name, others in IMPORTS.items()}
    assert [] == [
        f"{module} imports {other}"
        for module, others in short.items()
        for name in others
        if _in(name, ROOT.name) and name != ROOT.name
        for other in [name.removeprefix(f"{ROOT.name}.")]
        if _part(module) in LAYER and _part(other) in LAYER and _part(module) != _part(other)
        if LAYER[_part(other)] >= LAYER[_part(module)]
    ]


def test_the_sandbox_shares_no_code_with_the_product() -> None:
    """What the product is tried against must not err as it does."""
    others = [f"{ROOT.name}.{part}" for part in LAYER]
    assert [] == [
        (module, name)
        for module, imported in IMPORTS.items()
        for name in imported
        if _in(module, f"{ROOT.name}.sandbox") and _in(name, *others)
    ]


@pytest.mark.parametrize("package", sorted(LAYER.keys() - LOOSE))
def test_a_package_says_what_it_is(package: str) -> None:
    """Its `__init__` has two or three lines for whoever comes."""
    text = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text()))
    assert text is not None
    assert 80 < len(text) < 400


@pytest.mark.parametrize(
    ("library", "only"),
    [
        ("dagster", ("defs",)),
        ("dagster_snowflake", ("defs",)),
        ("snowflake", ("sources.snowflake", "sandbox")),
        ("httpx", ("alerts", "brevo", "sources.snowflake", "sandbox", "cli.demo")),
        (f"{ROOT.name}.cli", ("cli",)),
    ],
)
def test_only_one_part_imports(library: str, only: tuple[str, ...]) -> None:
    """What talks to the world does so in one place."""
    allowed = [f"{ROOT.name}.{part}" for part in only]
    importers = [name for name, others in IMPORTS.items() if any(_in(o, library) for o in others)]
    assert [] == [name for name in importers if not _in(name, *allowed)]


def _private_to_dagster(path: Path) -> set[str]:
    """Return the modules and names that a file imports of Dagster and Dagster does not publish."""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {
        name
        for name in imported
        if name.startswith("dagster") and any(part.startswith("_") for part in name.split("."))
    }


def test_what_dagster_keeps_private_is_imported_in_one_module() -> None:
    """An upgrade that moves a private name is mended in one place, where each has its reason."""
    importers = [name for name, path in FILES.items() if _private_to_dagster(path)]
    assert [f"{ROOT.name}.defs.dagster_private"] == importers
    lines = FILES[importers[0]].read_text(encoding="utf-8").splitlines()
    assert [] == [
        line
        for before, line in pairwise(lines)
        if line.startswith("from dagster") and not before.startswith("# ")
    ]


def test_only_settings_reads_the_environment() -> None:
    """No setting comes in by the back door."""
    texts = {name: path.read_text(encoding="utf-8") for name, path in FILES.items()}
    readers = [name for name, text in texts.items() if "os.environ" in text or "getenv" in text]
    assert [f"{ROOT.name}.config.settings"] == readers


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
