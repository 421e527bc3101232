"""Which audiences a workspace has, and who owns what in Brevo."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.audience.catalog import Audiences
from tajo_sf_pipeline.audience.destination import Destination
from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.config import settings
from tajo_sf_pipeline.errors import ConfigurationError


class Folder:
    """A workspace's folder, as a person fills it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sql = path / "sql"
        self.sql.mkdir()
        self.write()

    def write(self, **snowflake: Any) -> None:
        """Write tajo.yaml, with more of `connectors.snowflake`."""
        place = {"account": "acme", "database": "MARKETING_DB", "schema": "PUBLIC"}
        document = {"connectors": {"snowflake": {**place, **snowflake}}}
        (self.path / "tajo.yaml").write_text(
            yaml.safe_dump(document, sort_keys=False), encoding="utf-8"
        )

    def pair(self, name: str, *attributes: str, **more: Any) -> None:
        """Write a pair that writes `attributes`, each from a column of its name."""
        columns = {"email": "email", **{name.lower(): name for name in attributes}}
        document = {"field_mapping": columns, **more}
        (self.sql / f"{name}.yaml").write_text(
            yaml.safe_dump(document, sort_keys=False), encoding="utf-8"
        )
        (self.sql / f"{name}.sql").write_text(f"SELECT * FROM {name}", encoding="utf-8")

    def load(self) -> Audiences:
        return catalog.load(settings.load(self.path / "tajo.yaml"))

    def refusal(self) -> ConfigurationError:
        """Load the audiences; give why that failed."""
        with pytest.raises(ConfigurationError) as refused:
            self.load()
        return refused.value


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Give a workspace without audiences."""
    return Folder(tmp_path)


def _shipped(monkeypatch: pytest.MonkeyPatch, folder: Folder) -> None:
    """Make the workspace's own sql/ the folder that ships, as in a clone of the repository."""
    shutil.copytree(catalog.shipped_folder(), folder.sql, dirs_exist_ok=True)
    monkeypatch.setattr(catalog, "shipped_folder", lambda: folder.sql)


def test_nothing_runs_that_was_not_asked_for(folder: Folder) -> None:
    """A workspace without pairs, queries and `sync` has no audience."""
    assert {} == folder.load().by_name


def test_shipped_audiences_are_switched_on_by_sync(folder: Folder) -> None:
    """A workspace whose folder lacks the pair uses the one that ships."""
    folder.write(sync={"segments": True})
    catalog = folder.load()
    assert {"segments": True} == {one.name: one.shipped for one in catalog}
    assert ("SEGMENT_NAME", "RFM_SEGMENT") == catalog.named("segments").attributes


def test_own_pair_wins_over_the_shipped_one(folder: Folder) -> None:
    """A pair of a shipped audience's name takes its place."""
    folder.write(sync={"segments": True})
    folder.pair("segments", "TRIBE")
    [segments] = folder.load()
    assert (("TRIBE",), False) == (segments.attributes, segments.shipped)


def test_pair_has_defaults(folder: Folder) -> None:
    """A pair need only map: its list is called as it is, in the folder Tajo, and nulls skip."""
    folder.write(sync={"schedule": "30 5 * * *"})
    folder.pair("vips", "LTV_SCORE")
    [vips] = folder.load()
    assert {
        "list": "vips",
        "folder": "Tajo",
        "nulls": "skip",
        "cursor": None,
        "lookback": timedelta(hours=1),
        "schedule": "30 5 * * *",
        "optional": False,
        "key_column": "email",
    } == {
        "list": vips.destination.list,
        "folder": vips.destination.folder,
        **{
            name: getattr(vips, name)
            for name in ("nulls", "cursor", "lookback", "schedule", "optional", "key_column")
        },
    }


def test_disabled_pair_is_left_out(folder: Folder) -> None:
    """`enabled: false` takes an audience out of the workspace."""
    folder.pair("vips", "LTV_SCORE", enabled=False)
    assert {} == folder.load().by_name


def test_attribute_mapping_is_field_mapping(folder: Folder) -> None:
    """The vendor's other name for the mapping means the same."""
    folder.pair("vips", "LTV_SCORE")
    file = folder.sql / "vips.yaml"
    file.write_text(file.read_text().replace("field_mapping", "attribute_mapping"))
    assert ("LTV_SCORE",) == folder.load().named("vips").attributes


def test_query_takes_the_mapping_of_its_connector(folder: Folder) -> None:
    """Of a connector-wide mapping a query writes what it selects, and its own alone."""
    mapping = {"email": "email", "ltv": "LTV_SCORE", "churn": "CHURN_RISK"}
    folder.write(field_mapping=mapping, queries={"vips": "SELECT email, LTV FROM vips"})
    [vips] = folder.load()
    assert (("LTV_SCORE",), True) == (vips.attributes, vips.optional)


def test_query_that_selects_everything_may_write_everything(folder: Folder) -> None:
    """Where the columns of a query are not known, all of the mapping counts as written."""
    mapping = {"email": "email", "ltv": "LTV_SCORE", "churn": "CHURN_RISK"}
    folder.write(field_mapping=mapping, queries={"vips": "SELECT * FROM vips"})
    assert ("LTV_SCORE", "CHURN_RISK") == folder.load().named("vips").attributes


def test_pair_and_query_of_one_name(folder: Folder) -> None:
    """A name that stands in sql/ and in tajo.yaml is refused, with both places."""
    folder.pair("vips", "LTV_SCORE")
    folder.write(field_mapping={"email": "email"}, queries={"vips": "SELECT email FROM vips"})
    refused = folder.refusal()
    assert "TAJO-112" == refused.code
    assert (
        f"the audience 'vips' stands twice: in {folder.sql}/vips.sql and in "
        f"{folder.path}/tajo.yaml:9"
    ) == refused.happened


def test_sql_without_its_yaml_is_noted(folder: Folder) -> None:
    """A query that stands alone is not an audience, and a note says so."""
    (folder.sql / "draft.sql").write_text("SELECT 1", encoding="utf-8")
    assert (f"{folder.sql}/draft.sql has no draft.yaml: not used",) == folder.load().notes


def test_unknown_name_lists_the_known(folder: Folder) -> None:
    """Asking for an audience that is not there tells those that are."""
    folder.pair("vips", "LTV_SCORE")
    with pytest.raises(ConfigurationError) as refused:
        folder.load().named("vip")
    assert ("TAJO-111", "The workspace's audiences: vips.") == (
        refused.value.code,
        refused.value.next_step,
    )


def test_s12_two_owners_of_an_attribute(folder: Folder) -> None:
    """Two audiences that write one attribute are refused, with both places."""
    folder.pair("buyers", "LTV_SCORE")
    folder.pair("vips", "LTV_SCORE")
    refused = folder.refusal()
    assert "TAJO-115" == refused.code
    assert (
        "two audiences write the Brevo attribute LTV_SCORE: "
        f"buyers ({folder.sql}/buyers.sql) and vips ({folder.sql}/vips.sql)"
    ) == refused.happened


@pytest.mark.parametrize(
    "destination",
    [{"list": "People", "folder": "Shop"}, {"list_id": 42}],
    ids=["by name", "by id"],
)
def test_s12_two_owners_of_a_list(folder: Folder, destination: dict[str, Any]) -> None:
    """Two audiences with one list are refused."""
    folder.pair("buyers", "LTV_SCORE", destination=destination)
    folder.pair("vips", "CHURN_RISK", destination=destination)
    refused = folder.refusal()
    assert "TAJO-115" == refused.code
    assert refused.happened.startswith("two audiences write the same list: buyers (")


def test_s12_lists_of_one_name_in_two_folders_are_two(folder: Folder) -> None:
    """A list is its folder and its name."""
    folder.pair("buyers", "LTV_SCORE", destination={"list": "People", "folder": "A"})
    folder.pair("vips", "CHURN_RISK", destination={"list": "People", "folder": "B"})
    assert ["buyers", "vips"] == list(folder.load().by_name)


_EVENTS = {"email": "email", "id": "event_id", "at": "event_date"}


@pytest.mark.parametrize(
    ("destination", "fields", "what"),
    [
        ({"event": "paid"}, _EVENTS, "the event paid"),
        ({"object": "car"}, {"id": "ext_id"}, "the objects car"),
    ],
    ids=["event", "object"],
)
def test_s12_two_owners_of_events_and_of_records(
    folder: Folder, destination: dict[str, str], fields: dict[str, str], what: str
) -> None:
    """Two audiences that write one event, or one type of object, are refused."""
    for name in ("buyers", "vips"):
        folder.pair(name, field_mapping=fields, destination=destination)
    assert folder.refusal().happened.startswith(f"two audiences write {what}: buyers (")


def test_s12_a_column_may_name_what_another_audience_writes(folder: Folder) -> None:
    """Which lists and events a column names, only a run knows: that is not judged when loading."""
    for name in ("buyers", "vips"):
        folder.pair(name, destination={"list_from": "segment"})
        folder.pair(f"of_{name}", field_mapping=_EVENTS, destination={"event_from": "what"})
    assert {"buyers", "vips", "of_buyers", "of_vips"} == folder.load().by_name.keys()


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ({}, ("contacts", "list None in folder 'Tajo'", "SMS", None, False)),
        ({"list": "VIPs"}, ("contacts", "list 'VIPs' in folder 'Tajo'", "SMS", None, False)),
        ({"list_id": 42, "event": None}, ("contacts", "list 42", "SMS", None, False)),
        (
            {"list_from": " Segment "},
            ("contacts", "a list for each segment in folder 'Tajo'", "SMS", "segment", False),
        ),
        ({"event": "paid", "list": None}, ("events", "event paid", "event_id", None, True)),
        ({"event_from": "What"}, ("events", "events named by what", "event_id", "what", True)),
        (
            {"object": "car", "association": {"column": "OWNER"}},
            ("objects", "objects of type car", "ext_id", "owner", False),
        ),
    ],
)
def test_a_destination_is_told_by_its_keys(
    destination: dict[str, Any], expected: tuple[object, ...]
) -> None:
    """Which key has a value says of which kind it is, and the kind says the rest of itself."""
    to = TypeAdapter[Destination](Destination).validate_python(destination)
    assert expected == (to.kind, to.as_text(), to.key_target("sms"), to.column, to.appends)


def test_s12_shared_in_both_is_allowed(folder: Folder) -> None:
    """Two audiences that both say `shared: true` may write one attribute and one list."""
    for name in ("buyers", "vips"):
        folder.pair(name, "LTV_SCORE", shared=True, destination={"list": "People"})
    assert ["buyers", "vips"] == list(folder.load().by_name)


@pytest.mark.parametrize("what", ["attribute", "list"])
def test_s12_shared_in_one_is_not_enough(folder: Folder, what: str) -> None:
    """Sharing wants the consent of both."""
    same = what == "attribute"
    folder.pair("buyers", "A", shared=True, destination={"list": "One" if same else "Both"})
    folder.pair("vips", "A" if same else "B", destination={"list": "Two" if same else "Both"})
    assert "TAJO-115" == folder.refusal().code


def test_s12_shipped_audience_yields(folder: Folder) -> None:
    """A shipped audience leaves an attribute to the user's own, and a note says so."""
    folder.write(sync={"analytics": True})
    folder.pair("vips", "LTV_SCORE", "CHURN_RISK")
    catalog = folder.load()
    assert ("RFM_SCORE", "ORDER_COUNT", "LAST_ORDER_DATE") == catalog.named("analytics").attributes
    assert (
        "analytics leaves LTV_SCORE to vips, which maps it",
        "analytics leaves CHURN_RISK to vips, which maps it",
    ) == catalog.notes


def test_s12_shipped_audience_yields_beside_own_pairs(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pair that a person adds to the folder that ships is their own all the same."""
    _shipped(monkeypatch, folder)
    folder.write(sync={"analytics": True})
    folder.pair("vips", "LTV_SCORE")
    assert ("analytics leaves LTV_SCORE to vips, which maps it",) == folder.load().notes


def test_s12_a_third_audience_hides_no_clash(folder: Folder) -> None:
    """Two own audiences clash also where a shipped one would have yielded to either."""
    folder.write(sync={"customers": True, "segments": True, "analytics": True})
    folder.pair("customers", "LTV_SCORE")
    folder.pair("segments", "LTV_SCORE")
    refused = folder.refusal()
    assert "TAJO-115" == refused.code
    assert "customers" in refused.happened
    assert "segments" in refused.happened


def test_s15_one_off_is_named_by_what_it_does(folder: Folder) -> None:
    """The same command again finds the same ledger; another list, query or mapping does not."""
    loaded = settings.load(folder.path / "tajo.yaml")

    def name(sql: str = "SELECT 1", target: str = "LTV_SCORE", list_id: int = 42) -> str:
        statement = Statement(sql, "--query")
        return catalog.one_off(loaded, statement, {"ltv": target}, list_id).name

    assert name() == name()
    assert 4 == len({name(), name(sql="SELECT 2"), name(target="VALUE"), name(list_id=43)})


def test_one_off_maps_email_by_itself(folder: Folder) -> None:
    """A one-off whose `--map` leaves the key out reads it from the column `email`."""
    loaded = settings.load(folder.path / "tajo.yaml")
    one = catalog.one_off(loaded, Statement("SELECT 1", "--query"), {"ltv": "LTV_SCORE"}, 42)
    targets = {source: field.to for source, field in one.fields.items()}
    assert {"email": "email", "ltv": "LTV_SCORE"} == targets
