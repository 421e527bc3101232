"""Dagster's pages as a marketer uses them: look, run one date, run five, find what failed."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tajo_sf_pipeline.storage import parquet
from tajo_sf_pipeline_tests import chromium
from tajo_sf_pipeline_tests.dagster_processes import Dagster
from tajo_sf_pipeline_tests.workspaces import Workspace

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(chromium.PATH is None, reason=chromium.MISSING),
]
SECONDS = 1000  # playwright counts milliseconds
SOON = 60 * SECONDS
PATIENCE = 450  # seconds; two dates of a backfill run at once, and the machine may be slow


@pytest.fixture(scope="module")
def dated(dated: Workspace) -> Workspace:
    """Add an audience that would write an attribute that Brevo does not have."""
    table = dated.table("lacking", "email,points", [["lacking@example.com", 7]])
    mapping = {"email": "email", "points": "NO_SUCH_ATTRIBUTE"}
    dated.audience("lacking", f"SELECT email, points FROM {table}", mapping)
    return dated


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    """Open an empty page; what it shows at the test's end is kept under the test's name."""
    with chromium.opened() as opened:
        yield opened
        chromium.keep(opened, request.node.name.removeprefix("test_"))


def _open(page: Page, dagster: Dagster, path: str) -> None:
    page.goto(f"{dagster.url}/{path}")


def _choose_dates(page: Page, dates: str) -> None:
    """Open the dialogue that asks for dates, from the graph of an audience, and fill it in."""
    page.get_by_role("button", name="Materialize all…", disabled=False).click(timeout=SOON)
    field = page.get_by_placeholder("No matching partitions")
    field.fill(dates)
    field.press("Enter")


def _launched(dagster: Dagster, day: str) -> str:
    """Wait until the run of a date is there, and give its id."""
    wanted = [{"key": "dagster/partition", "value": day}]
    dagster.wait_until(lambda: bool(dagster.client.runs(tags=wanted)), f"a run of {day}")
    [run] = dagster.client.runs(tags=wanted)
    return run.id


def test_the_graph_of_all_shows_a_group_for_each_audience(page: Page, dagster: Dagster) -> None:
    """The audiences, and the tables that they read, each in the side bar and in the graph."""
    _open(page, dagster, "asset-groups")
    for group in ("daily", "weekly", "snowflake"):
        in_both = page.get_by_text(group, exact=True).filter(visible=True).nth(1)
        expect(in_both).to_be_visible(timeout=SOON)


def test_the_graph_of_an_audience_shows_the_chain_with_its_kinds(
    dated: Workspace, page: Page, dagster: Dagster
) -> None:
    """A table, extract, mapped and sync; Snowflake, Arrow and Brevo stand at them."""
    _open(page, dagster, "locations/tajo_sf_pipeline/asset-groups/daily/lineage")
    table = f"{dated.prefix}_daily".upper()
    for shown in ("extract", "mapped", "sync", "Snowflake", "Arrow", "brevo", table):
        expect(page.get_by_text(shown, exact=True)).to_be_visible(timeout=SOON)
    assert "daily" in page.title()


def test_a_date_materialized_from_the_page_arrives_in_brevo(
    dated: Workspace, dagster: Dagster, page: Page
) -> None:
    """A person picks a date and launches it: the checks turn green, and Brevo has the contact."""
    yesterday = dated.settings().today() - timedelta(days=1)
    day = str(yesterday)
    _open(page, dagster, "locations/tajo_sf_pipeline/asset-groups/daily/lineage")
    _choose_dates(page, day)
    page.get_by_role("button", name="Launch 1 run", disabled=False).click()
    assert "SUCCESS" == dagster.ended_run(_launched(dagster, day)), dagster.last_words()
    for step, check in {"mapped": "attributes_fit", "sync": "conservation"}.items():
        _open(page, dagster, f"assets/daily/{step}?view=checks&checkDetail={check}")
        expect(page.get_by_text("Passed", exact=True).first).to_be_visible(timeout=SOON)
    assert "backfill" == parquet.notes(dated.paths("daily").extract(yesterday))["path"]
    contact = dated.brevo.contacts()["daily@example.com"]
    assert day == contact["attributes"]["DAILY_DATE"]


def test_a_backfill_of_five_dates_from_the_page_ends_in_five_successes(
    dated: Workspace, dagster: Dagster, page: Page
) -> None:
    """A person writes a range and launches it; the backfill's page tells five runs, all green."""
    today = dated.settings().today()
    first, last = (str(today - timedelta(days=ago)) for ago in (6, 2))
    _open(page, dagster, "locations/tajo_sf_pipeline/asset-groups/weekly/lineage")
    _choose_dates(page, f"[{first}...{last}]")
    page.get_by_role("button", name="Launch backfill", disabled=False).click()
    _open(page, dagster, "runs?view=backfills")
    page.get_by_role("link", name="View", exact=True).click(timeout=SOON)
    page.wait_for_url("**/runs/b/*", timeout=SOON)
    backfill = page.url.rpartition("/")[2]
    status = dagster.client.backfill_status
    dagster.wait_until(lambda: "COMPLETED_SUCCESS" == status(backfill), "five dates", PATIENCE)
    _open(page, dagster, f"runs/b/{backfill}?tab=runs")
    expect(page.get_by_text("Success", exact=True)).to_have_count(5, timeout=SOON)
    assert last == dated.brevo.contacts()["weekly@example.com"]["attributes"]["WEEKLY_DATE"]


def test_a_check_that_failed_is_shown_with_its_message(
    dated: Workspace, dagster: Dagster, page: Page
) -> None:
    """What Brevo lacks, and what to do, stand at the check; nothing was sent."""
    run = dagster.client.launch_run("lacking_incremental", str(dated.settings().today()))
    assert "FAILURE" == dagster.ended_run(run), dagster.last_words()
    _open(page, dagster, "assets/lacking/mapped?view=checks&checkDetail=attributes_fit")
    expect(page.get_by_text("Failed", exact=True).first).to_be_visible(timeout=SOON)
    expect(page.get_by_text("NO_SUCH_ATTRIBUTE").first).to_be_visible(timeout=SOON)
    expect(page.get_by_text("Create or correct it under Contacts > Settings")).to_be_visible()
    assert "lacking@example.com" not in dated.brevo.contacts()
