"""Our assets in a project of somebody's own: by functions, with a resource, as a component."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

import tajo_sf_pipeline
from tajo_sf_pipeline.config import settings
from tajo_sf_pipeline.defs import build
from tajo_sf_pipeline_tests.dagster.test_definitions import write_workspace

# Dagster's own loader makes our checks anew, with a parameter that it calls beta.
pytestmark = pytest.mark.filterwarnings("ignore:Parameter `execution_type`:dagster.BetaWarning")
REPOSITORY = Path(__file__).parents[2]
ARCHITECTURE = REPOSITORY / "docs" / "architecture.md"
# What `dg` writes for a project: whatever stands in its folder of definitions.
DEFINITIONS = """
from pathlib import Path

import dagster as dg


@dg.definitions
def defs():
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
CHAIN = [f"customers/{step}" for step in ("extract", "mapped", "sync")]


def _project(folder: Path, attributes: dict[str, Any] | None) -> Path:
    """Write a project with our component in it, as `dg scaffold` would; return its root."""
    defs = folder / "shop" / "defs" / "crm"
    defs.mkdir(parents=True)
    (folder / "shop" / "__init__.py").touch()
    (folder / "shop" / "defs" / "__init__.py").touch()
    (folder / "shop" / "definitions.py").write_text(DEFINITIONS)
    (folder / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "shop"\n'
    )
    document = {"type": "tajo_sf_pipeline.AudienceComponent", "attributes": attributes or {}}
    (defs / "defs.yaml").write_text(yaml.safe_dump(document))
    write_workspace(defs)
    return folder


def _blocks(language: str) -> list[str]:
    """Return the page's blocks of a language, in their order."""
    fenced = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return fenced.findall(ARCHITECTURE.read_text(encoding="utf-8"))


def _keys(definitions: dg.Definitions) -> set[str]:
    graph = definitions.resolve_asset_graph()
    return {key.to_user_string() for key in graph.materializable_asset_keys}


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the project's package found, and forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path  # type: ignore[misc]
    for name in [name for name in sys.modules if name.split(".")[0] in {"shop", "platform_defs"}]:
        del sys.modules[name]


def test_a_component_is_a_workspaces_audiences(importable: Path) -> None:
    """Its file stands beside `defs.yaml` by default, and all its audiences are meant."""
    _project(importable, None)
    keys = _keys(dg.load_from_defs_folder(path_within_project=importable))
    assert {f"{name}/extract" for name in ("analytics", "customers", "segments")} < keys


def test_a_component_may_name_some_audiences(importable: Path) -> None:
    """And its workspace by a path from the folder of `defs.yaml`."""
    attributes = {"workspace": "../../../elsewhere/tajo.yaml", "audiences": ["customers"]}
    root = _project(importable, attributes)
    (root / "elsewhere").mkdir()
    write_workspace(root / "elsewhere")
    (root / "shop" / "defs" / "crm" / "tajo.yaml").unlink()
    definitions = dg.load_from_defs_folder(path_within_project=root)
    assert set(CHAIN) == _keys(definitions)
    dg.Definitions.validate_loadable(definitions)


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"audiences": ["custommers"]}, "TAJO-111 there is no audience 'custommers'"),
        ({"workspace": "nowhere.yaml"}, "nowhere.yaml does not exist"),
        ({"audience": "customers"}, "defs.yaml"),
    ],
    ids=["an audience that is not there", "a file that is not there", "an attribute of no meaning"],
)
def test_a_component_says_what_is_wrong_with_it(
    importable: Path, attributes: dict[str, Any], told: str
) -> None:
    """In our own words where it is about ours, else in Dagster's."""
    root = _project(importable, attributes)
    with pytest.raises(Exception, match=r"(?s).") as caught:
        dg.load_from_defs_folder(path_within_project=root)
    causes, error = "", caught.value
    while error is not None:
        causes, error = f"{causes}\n{error}", error.__cause__ or error.__context__
    assert told in causes


def test_a_project_may_have_an_executor_of_its_own(tmp_path: Path) -> None:
    """Ours runs steps in one process, unless the project says that it has one."""
    loaded = settings.load(write_workspace(tmp_path))
    own = dg.Definitions(executor=dg.multiprocess_executor)
    merged = dg.Definitions.merge(build(loaded, executor=None), own)
    assert dg.multiprocess_executor is merged.executor
    assert dg.in_process_executor is build(loaded).executor


def test_the_package_offers_its_component_without_importing_dagster() -> None:
    """Whoever imports the package for something else does not wait for it."""
    assert "AudienceComponent" in dir(tajo_sf_pipeline)
    assert issubclass(tajo_sf_pipeline.AudienceComponent, dg.Component)
    with pytest.raises(AttributeError):
        _ = tajo_sf_pipeline.NoSuchComponent
    code = "import sys, tajo_sf_pipeline; print('dagster' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False\n" == ran.stdout


@pytest.mark.parametrize("number", range(2), ids=["functions", "resource"])
def test_what_the_architecture_shows_of_embedding_works(importable: Path, number: int) -> None:
    """Each block of Python on the page is a project's `definitions.py`, and loads."""
    blocks = _blocks("python")
    write_workspace(importable)
    (importable / "platform_defs.py").write_text(
        textwrap.dedent(blocks[number]).replace("/srv/crm/tajo.yaml", f"{importable}/tajo.yaml")
    )
    module = __import__("platform_defs")
    dg.Definitions.validate_loadable(module.defs)
    graph = module.defs.resolve_asset_graph()
    assert set(CHAIN) < _keys(module.defs)
    assert {dg.AssetKey(["customers", "sync"])} == graph.get(dg.AssetKey("churn")).parent_keys


def test_the_component_that_the_architecture_shows_works(importable: Path) -> None:
    """The YAML on the page is a `defs.yaml`."""
    [block] = _blocks("yaml")
    root = _project(importable, None)
    (root / "shop" / "defs" / "crm" / "defs.yaml").write_text(block)
    assert set(CHAIN) == _keys(dg.load_from_defs_folder(path_within_project=root))


@pytest.mark.skipif(shutil.which("dg", path=Path(sys.executable).parent) is None, reason="no dg")
@pytest.mark.long
@pytest.mark.parametrize("command", [("check", "defs"), ("list", "defs", "--json")])
def test_dg_knows_the_component(tmp_path: Path, command: tuple[str, ...]) -> None:
    """`dg check defs` and `dg list defs`, as its author runs them."""
    root = _project(tmp_path, {"audiences": ["customers"]})
    dg_command = str(Path(sys.executable).with_name("dg"))
    ran = subprocess.run(
        [dg_command, *command],
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root}:{REPOSITORY}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == ran.returncode, ran.stdout + ran.stderr
    if command[0] == "list":
        assert "customers/sync" in ran.stdout
