"""`tajo audiences`: what is configured, and what would arrive, with nothing written."""

from pathlib import Path
from typing import Any

import pytest

from tajo_sf_pipeline_tests.workspaces import Workspace

ROWS = [
    ("Ada@Example.com ", "Ada", "Lyon", 1, "2026-01-05"),
    ("ben.example.com", "Ben", "Nice", 2, "2026-01-04"),
    ("cy@example.com", "Cy", "", 3, "2026-01-03"),
]
MAPPING = {"email": "email", "first_name": "FIRSTNAME", "city": "CITY", "points": "POINTS"}


@pytest.fixture
def people(workspace: Workspace) -> Workspace:
    """Give a workspace with one audience of three rows."""
    workspace.write(snowflake={"transport": "sql_api"})
    table = workspace.table("people", "email,first_name,city,points,seen", ROWS)
    query = f"-- Everyone\nSELECT * FROM {table} ORDER BY points; -- that is all\n"
    workspace.audience(
        "people", query, MAPPING, description="Everyone", guards={"max_rejected": "50%"}
    )
    return workspace


def test_list_names_every_audience(people: Workspace) -> None:
    """With mode, destination and schedule, in words and as JSON."""
    ran = people.tajo("audiences", "list")
    assert (0, "") == (ran.code, ran.err)
    for words in ("people", "upsert", "list 'people' in folder 'Tajo'", "0 */6 * * *", "Everyone"):
        assert words in ran.out
    [found] = people.tajo("audiences", "list", "--json").json()
    assert {
        "name": "people",
        "mode": "upsert",
        "key": "email",
        "attributes": ["FIRSTNAME", "CITY", "POINTS"],
        "shipped": False,
    }.items() <= found.items()


def test_show_tells_all_of_an_audience(people: Workspace) -> None:
    """Query, tables, mapping, guards, and how severe each check is."""
    ran = people.tajo("audiences", "show", "people")
    assert (0, "") == (ran.code, ran.err)
    for words in ("ORDER BY points", "FIRSTNAME", "schema_stable", "max_rejected"):
        assert words in ran.out
    found = people.tajo("audiences", "show", "people", "--json").json()
    assert [f"MARKETING_DB.PUBLIC.{people.prefix.upper()}_PEOPLE"] == found["sources"]
    assert {"source": "points", "to": "POINTS", "options": {}} in found["field_mapping"]
    assert {"check": "schema_stable", "severity": "error", "blocking": True} in found["checks"]
    assert "50%" == found["guards"]["max_rejected"]


def test_preview_shows_source_mapped_and_reason(people: Workspace) -> None:
    """Row by row, with the person masked; the query may end in a semicolon and a comment."""
    ran = people.tajo("audiences", "preview", "people", "--json")
    assert 0 == ran.code, ran.err
    found = ran.json()
    assert ("people", 3) == (found["audience"], len(found["rows"]))
    first, second, third = found["rows"]
    assert {
        "EMAIL": "A***@Example.com",
        "FIRST_NAME": "A***",
        "CITY": "Lyon",
        "POINTS": "1",
        "SEEN": "2026-01-05",
    } == {name: str(value) for name, value in first["source"].items()}
    assert {"_key": "a***@example.com", "FIRSTNAME": "A***", "CITY": "Lyon", "POINTS": 1.0} == (
        first["mapped"]
    )
    assert (None, ["EMAIL: is not an e-mail address"]) == (second["mapped"], second["reasons"])
    assert None is third["mapped"]["CITY"]
    for words in ("Ada@", "cy@", "ben."):
        assert words not in ran.out


def test_preview_is_for_people_too(people: Workspace) -> None:
    """Three lines a row at most, and a count at the end."""
    ran = people.tajo("audiences", "preview", "people", "--limit", "2")
    assert (0, "") == (ran.code, ran.err)
    assert "  mapped  _key=a***@example.com, FIRSTNAME=A***, CITY=Lyon, POINTS=1.0" in ran.out
    assert "  rejected  EMAIL: is not an e-mail address" in ran.out
    assert "2 rows, of which 1 would be rejected; nothing was written." in ran.out


def test_preview_writes_nothing(people: Workspace) -> None:
    """Neither to Brevo nor beside the workspace; the limit is the warehouse's."""
    before = _files(people.folder)
    assert 1 == len(_rows(people, "--limit", "1"))
    assert before == _files(people.folder)
    assert ([], {}) == (people.brevo.writes(), people.brevo.contacts())


def test_preview_shows_what_an_incremental_query_would_bring_at_first(people: Workspace) -> None:
    """Not only what is new since the last sync, which may be nothing."""
    table = f"{people.prefix}_people".upper()
    people.audience(
        "people",
        f"SELECT *, seen::TIMESTAMP AS at FROM {table} WHERE seen::TIMESTAMP > :last_sync",
        MAPPING,
        cursor="at",
    )
    people.brevo.attributes(CITY="text", POINTS="float")
    assert 0 == people.tajo("connectors", "sync", "snowflake").code
    assert 3 == len(_rows(people))


def test_preview_of_columns_that_do_not_fit_says_so(people: Workspace) -> None:
    """With the near name, before anything runs."""
    table = f"{people.prefix}_people".upper()
    people.audience("people", f"SELECT * FROM {table}", MAPPING | {"citi": "TOWN"})
    ran = people.tajo("audiences", "preview", "people")
    assert (2, True) == (ran.code, "`citi` (did you mean `city`?)" in ran.err)


def test_an_audience_that_does_not_exist(people: Workspace) -> None:
    """The names that exist are told."""
    for command in ("show", "preview"):
        ran = people.tajo("audiences", command, "peple")
        assert (2, True) == (ran.code, "TAJO-111" in ran.err)


def _rows(people: Workspace, *options: str) -> list[dict[str, Any]]:
    ran = people.tajo("audiences", "preview", "people", "--json", *options)
    assert ran.out, ran.err
    rows: list[dict[str, Any]] = ran.json()["rows"]
    return rows


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
