"""Take docs/images/asset-graph.png: the audiences of `tajo demo` in Dagster's own page.

    python docs/screenshot.py [DEMO/tajo.yaml]

Without an argument it runs the demo first, in a temporary folder. Needs the set-up of
`make test`, and chromium.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from tajo_sf_pipeline_tests import chromium
from tajo_sf_pipeline_tests.dagster_processes import running

PICTURE = Path(__file__).parent / "images" / "asset-graph.png"
CUSTOMERS = "5000"
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


def main() -> None:
    if chromium.PATH is None:
        sys.exit(chromium.MISSING)
    if len(sys.argv) > 1:
        take(Path(sys.argv[1]).absolute())
        return
    with tempfile.TemporaryDirectory() as folder:
        take(demo(Path(folder)))


def demo(folder: Path) -> Path:
    """Run the demo in a folder, and give the workspace file that it leaves."""
    tajo = Path(sys.executable).with_name("tajo")
    subprocess.run([tajo, "demo", "--rows", CUSTOMERS], cwd=folder, check=True)
    return folder / ".tajo" / "demo" / "tajo.yaml"


def take(workspace_file: Path) -> None:
    home = workspace_file.parent / ".tajo" / "dagster"
    with (
        running(home, workspace_file, with_daemon=False) as dagster,
        chromium.opened(width=WIDTH, height=HEIGHT, scale=SCALE) as page,
    ):
        show(page, f"{dagster.url}/asset-groups")
        PICTURE.parent.mkdir(exist_ok=True)
        page.screenshot(path=PICTURE)
    print(PICTURE)


def show(page: Page, url: str) -> None:
    """Open the graph of all assets, every group unfolded, and wait until it stands still."""
    page.add_init_script(f"Object.assign(localStorage, {json.dumps(CHOICES)})")
    page.goto(url)
    page.get_by_label("unfold_more").first.wait_for()
    page.get_by_role("button").filter(has=page.get_by_label("panel_show_right")).last.click()
    page.keyboard.press("Alt+e")
    page.get_by_text("2 / 2 Passed").first.wait_for()
    page.get_by_text("brevo", exact=True).last.element_handle().wait_for_element_state("stable")


if __name__ == "__main__":
    main()
