"""What a person may write into a workspace's files, case by case (cases/configuration.yaml)."""

from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.audience.field_mapping import Field
from tajo_sf_pipeline.cli.config import workspace_schema
from tajo_sf_pipeline.config import settings
from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline_tests import case_files

CASES = case_files.read("configuration")
WORKSPACE, AUDIENCE = CASES["workspace"], CASES["audience"]
VENDOR_DOCUMENTATION = case_files.FOLDER / "vendor_documentation.yaml"


def _edited(text: str, edit: dict[str, str]) -> str:
    for old, new in edit.items():
        assert text.count(old) == 1, f"{old!r} must stand in the text exactly once"
        text = text.replace(old, new)
    return text


def _workspace_of(case: dict[str, Any]) -> str:
    return str(case.get("text", _edited(WORKSPACE["text"], case.get("edit", {}))))


@pytest.fixture
def tajo_yaml(tmp_path: Path) -> Path:
    """Write the workspace that the cases start from."""
    path = tmp_path / "tajo.yaml"
    path.write_text(WORKSPACE["text"], encoding="utf-8")
    return path


def _refusal(tajo_yaml: Path) -> ConfigurationError:
    """Load the workspace and its audiences; give why that failed."""
    with pytest.raises(ConfigurationError) as refused:
        catalog.load(settings.load(tajo_yaml))
    return refused.value


@pytest.mark.parametrize("case", case_files.each(WORKSPACE["refused"]))
def test_workspace_is_refused(
    case: dict[str, Any], tajo_yaml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake in tajo.yaml is told with its line, its key and what would be right."""
    for name, value in case.get("environment", {}).items():
        monkeypatch.setenv(name, value)
    tajo_yaml.write_text(_workspace_of(case), encoding="utf-8")
    refused = _refusal(tajo_yaml)
    assert case.get("code", "TAJO-103") == refused.code
    assert case["error"] in refused.happened.replace(f"{tajo_yaml.parent}/", "")


@pytest.mark.parametrize("case", case_files.each(WORKSPACE["accepted"]))
def test_workspace_is_accepted(
    case: dict[str, Any], tajo_yaml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value stands where the file and the environment put it."""
    for name, value in case.get("environment", {}).items():
        monkeypatch.setenv(name, value)
    tajo_yaml.write_text(_workspace_of(case), encoding="utf-8")
    loaded = settings.load(tajo_yaml)
    if case["at"] == "targets":
        fields = catalog.load(loaded).named("vips").fields
        assert case["value"] == {source: field.to for source, field in fields.items()}
    else:
        assert case["value"] == reduce(getattr, case["at"].split("."), loaded.file)


@pytest.mark.parametrize("case", case_files.each(AUDIENCE["refused"]))
def test_audience_is_refused(case: dict[str, Any], tajo_yaml: Path) -> None:
    """A mistake in a pair is told with its file and line."""
    folder = tajo_yaml.parent / "sql"
    folder.mkdir()
    pair = _edited(AUDIENCE["text"], case.get("edit", {}))
    # The workspace's own query of that name would be in the way.
    tajo_yaml.write_text(_edited(WORKSPACE["text"], {"vips:": "others:"}), encoding="utf-8")
    (folder / "vips.yaml").write_text(pair, encoding="utf-8")
    if (sql := case.get("sql", AUDIENCE["sql"])) is not None:
        (folder / "vips.sql").write_text(sql, encoding="utf-8")
    refused = _refusal(tajo_yaml)
    assert case.get("code", "TAJO-103") == refused.code
    assert case["error"] in refused.happened.replace(f"{tajo_yaml.parent}/", "")


@pytest.mark.parametrize("case", ["workspace", "pair"])
def test_cases_start_from_what_is_accepted(case: str, tajo_yaml: Path) -> None:
    """The texts that the cases edit load, so that a refusal is the edit's."""
    folder = tajo_yaml.parent / "sql"
    folder.mkdir()
    if case == "pair":
        tajo_yaml.write_text(
            _edited(WORKSPACE["text"], {"vips:": "others:", "ltv: LTV_SCORE": "a: B"})
        )
        (folder / "vips.yaml").write_text(AUDIENCE["text"], encoding="utf-8")
        (folder / "vips.sql").write_text(AUDIENCE["sql"], encoding="utf-8")
    assert ("LTV_SCORE",) == catalog.load(settings.load(tajo_yaml)).named("vips").attributes


def test_file_that_is_missing(tmp_path: Path) -> None:
    """A workspace that is not there is told by the path that was tried."""
    refused = _refusal(tmp_path / "nowhere.yaml")
    assert "TAJO-101" == refused.code
    assert f"{tmp_path}/nowhere.yaml does not exist" == refused.happened


def test_file_that_is_not_text(tajo_yaml: Path) -> None:
    """A file in another encoding is refused as unreadable, not by a traceback."""
    tajo_yaml.write_bytes(WORKSPACE["text"].replace("acme", "acmé").encode("latin-1"))
    refused = _refusal(tajo_yaml)
    assert "TAJO-101" == refused.code
    assert "utf-8" in refused.happened


def test_a_mapping_is_read_though_its_connector_is_off(tajo_yaml: Path) -> None:
    """A mistake in it is told before the day on which somebody switches the connector on."""
    edit = {"snowflake:\n": "snowflake:\n    enabled: false\n", "ltv: LTV_SCORE": "ltv: LTV SCORE"}
    tajo_yaml.write_text(_edited(WORKSPACE["text"], edit), encoding="utf-8")
    line = f"{tajo_yaml}:15: connectors.snowflake.field_mapping.ltv: "
    assert _refusal(tajo_yaml).happened.startswith(line)


def test_the_schema_knows_what_a_mapping_may_have() -> None:
    """An editor that reads `tajo config schema` completes the options of a field too."""
    parts = workspace_schema()["$defs"]
    mapping = parts["Snowflake"]["properties"]["field_mapping"]
    assert {"$ref": "#/$defs/Field"} == mapping["additionalProperties"]
    assert Field.model_fields.keys() == parts["Field"]["properties"].keys()


def test_vendor_documentation_loads_as_it_is() -> None:
    """The workspace of the vendor's documentation needs no edit; its query is an audience."""
    loaded = settings.load(VENDOR_DOCUMENTATION)
    found = catalog.load(loaded)
    assert ["customers", "segments", "analytics", "customer_segments"] == list(found.by_name)
    segments = found.named("customer_segments")
    assert ("LTV_SCORE", "RFM_SEGMENT") == segments.attributes
    assert frozenset({"last_sync"}) == segments.statement.binds()
    assert 9 == len(segments.fields)
    assert ("verbose", True, True) == (
        loaded.snowflake.log_level,
        loaded.snowflake.debug,
        loaded.snowflake.log_queries,
    )


def test_s12_audiences_that_ship_yield_to_the_vendor_documentation() -> None:
    """What the documented query writes, the shipped audiences leave to it, and a note says so."""
    found = catalog.load(settings.load(VENDOR_DOCUMENTATION))
    assert (
        "segments leaves RFM_SEGMENT to customer_segments, which maps it",
        "analytics leaves LTV_SCORE to customer_segments, which maps it",
    ) == found.notes
    assert ("SEGMENT_NAME",) == found.named("segments").attributes
    assert "LTV_SCORE" not in found.named("analytics").attributes
