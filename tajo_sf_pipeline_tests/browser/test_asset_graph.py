"""The page of an audience's asset graph, in a browser."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tajo_sf_pipeline import parquet
from tajo_sf_pipeline_tests import chromium
from tajo_sf_pipeline_tests.dagster_processes import Dagster
from tajo_sf_pipeline_tests.workspaces import Workspace

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(chromium.PATH is None, reason=chromium.MISSING),
]
SECONDS = 1000  # playwright counts milliseconds


@pytest.fixture
def graph(dagster: Dagster) -> Iterator[Page]:
    """Open the graph of the audience `daily`."""
    with chromium.opened() as page:
        page.goto(f"{dagster.url}/locations/tajo_sf_pipeline/asset-groups/daily/lineage")
        yield page


def test_the_graph_shows_the_chain_with_its_kinds(dated: Workspace, graph: Page) -> None:
    """A table, extract, mapped and sync; Snowflake, Arrow and Brevo stand at them."""
    table = f"{dated.prefix}_daily".upper()
    for shown in ("extract", "mapped", "sync", "Snowflake", "Arrow", "brevo", table):
        expect(graph.get_by_text(shown, exact=True)).to_be_visible(timeout=20 * SECONDS)
    assert "daily" in graph.title()


def test_a_date_materialized_from_the_page_arrives_in_brevo(
    dated: Workspace, dagster: Dagster, graph: Page
) -> None:
    """A person picks a date and launches it: the checks turn green, and Brevo has the contact."""
    yesterday = dated.settings().today() - timedelta(days=1)
    day = str(yesterday)
    graph.get_by_role("button", name="Materialize all…", disabled=False).click()
    dates = graph.get_by_placeholder("No matching partitions")
    dates.fill(day)
    dates.press("Enter")
    graph.get_by_role("button", name="Launch 1 run", disabled=False).click()
    expect(graph.get_by_text("2 / 2 Passed", exact=True)).to_have_count(2, timeout=45 * SECONDS)
    [run] = dagster.client.runs(tags=[{"key": "dagster/partition", "value": day}])
    assert "SUCCESS" == dagster.ended_run(run.id), dagster.last_words()
    assert "backfill" == parquet.notes(dated.places("daily").extract(yesterday))["path"]
    contact = dated.brevo.contacts()["daily@example.com"]
    assert day == contact["attributes"]["DAILY_DATE"]
