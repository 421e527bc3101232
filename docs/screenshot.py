"""Take the pictures of docs/images/: the demo's data in Dagster's own pages.

    python docs/screenshot.py

It runs the demo first, in a temporary folder, and then what the pictures show: a backfill, and a
check that fails. Needs the set-up of `make test`, and chromium.
"""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Page

from tajo_sf_pipeline_tests import chromium
from tajo_sf_pipeline_tests.dagster_processes import Dagster, running

PICTURES = Path(__file__).parent / "images"
CUSTOMERS = "2000"
# At this size the graph of the three audiences fits, large enough to keep its details.
WIDTH, HEIGHT, SCALE = 1200, 910, 4 / 3
# The page keeps a person's choices in the browser: what an asset shows, and a narrow navigation.
CHOICES = {
    "asset-node-facets": json.dumps(
        ["description", "latest-event", "checks", "status", "kind-tag"]
    ),
    "dagster-nav-collapsed": "true",
    "large-screen-nav-open": "false",
}
SECONDS = 1000  # playwright counts milliseconds
SOON = 60 * SECONDS
PATIENCE = 900  # seconds
ENDED = {"SUCCESS", "FAILURE"}
# An audience that would write an attribute that the local Brevo does not have.
LOYALTY = {
    "loyalty.yaml": """\
description: Loyalty points, as the shop counts them
field_mapping: {email: email, loyalty_points: LOYALTY_SCORE}
destination: {list: Loyalty, folder: Tajo}
""",
    "loyalty.sql": "SELECT email, loyalty_points FROM customers\n",
}


def main() -> None:
    if chromium.PATH is None:
        sys.exit(chromium.MISSING)
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, demo(Path(folder)) as workspace_file:
        home = workspace_file.parent / ".tajo" / "dagster"
        with (
            running(home, workspace_file, with_daemon=False) as dagster,
            opened(dagster, "asset-groups") as page,
        ):
            unfold(page)
            take(page, "asset-graph")
        write_loyalty(workspace_file.parent / "sql")
        with running(home, workspace_file) as dagster:
            run_and_show(dagster)


@contextmanager
def demo(folder: Path) -> Iterator[Path]:
    """Run the demo in a folder, and give the workspace file; its servers stay until the end."""
    tajo = Path(sys.executable).with_name("tajo")
    command = [tajo, "demo", "--rows", CUSTOMERS, "--keep", "--json"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if line.rstrip() == "}":
                break
        try:
            yield folder / ".tajo" / "demo" / "tajo.yaml"
        finally:
            process.send_signal(signal.SIGINT)


def write_loyalty(sql: Path) -> None:
    sql.mkdir(exist_ok=True)
    for name, text in LOYALTY.items():
        (sql / name).write_text(text, encoding="utf-8")


def run_and_show(dagster: Dagster) -> None:
    """Backfill five dates and fail a check, and take what their pages show then."""
    today = datetime.now(UTC).date()
    days = [str(today - timedelta(days=ago)) for ago in range(5, 0, -1)]
    steps = [["segments", step] for step in ("extract", "mapped", "sync")]
    backfill = dagster.client.launch_backfill(steps, days)
    run = dagster.client.launch_run("loyalty_incremental", str(today))

    def have_ended() -> bool:
        [found] = dagster.client.runs(runIds=[run])
        whole = dagster.client.backfill_status(backfill).startswith("COMPLETED")
        return whole and found.status in ENDED

    dagster.wait_until(have_ended, "the backfill and the run", PATIENCE)
    with opened(dagster, f"runs/b/{backfill}?tab=runs") as page:
        page.get_by_text("Success", exact=True).nth(len(days) - 1).wait_for(timeout=SOON)
        take(page, "backfill")
    with opened(dagster, "assets/loyalty/mapped?view=checks&checkDetail=attributes_fit") as page:
        page.get_by_text("LOYALTY_SCORE").first.wait_for(timeout=SOON)
        take(page, "failed-check")
    with opened(dagster, f"assets/customers/sync?view=partitions&partition={today}") as page:
        page.get_by_text("confirmed", exact=True).first.wait_for(timeout=SOON)
        take(page, "sync")


@contextmanager
def opened(dagster: Dagster, path: str) -> Iterator[Page]:
    with chromium.opened(width=WIDTH, height=HEIGHT, scale=SCALE) as page:
        page.add_init_script(f"Object.assign(localStorage, {json.dumps(CHOICES)})")
        page.goto(f"{dagster.url}/{path}")
        yield page


def unfold(page: Page) -> None:
    """Unfold every group of the graph, and wait until it stands still."""
    page.get_by_label("unfold_more").first.wait_for(timeout=SOON)
    page.get_by_role("button").filter(has=page.get_by_label("panel_show_right")).last.click()
    page.keyboard.press("Alt+e")
    page.get_by_text("Passed").first.wait_for(timeout=SOON)
    page.get_by_text("brevo", exact=True).last.element_handle().wait_for_element_state("stable")


def take(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"{name}.png")
    print(PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
