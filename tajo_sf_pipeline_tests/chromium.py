"""Debian's chromium through playwright: Dagster's pages as a person sees them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

PATH = shutil.which("chromium")
MISSING = "there is no chromium here: apt-get install chromium"
_PICTURES = Path(__file__).parents[1] / "ci-output" / "browser"
_ARGUMENTS = [
    "--no-sandbox",  # root, as in a container, has none
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    # What follows keeps it from calling its vendor.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def opened(*, width: int = 1600, height: int = 900, scale: float = 1) -> Iterator[Page]:
    """Open an empty page in a fresh profile; a screenshot has `scale` pixels for one of CSS."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PATH, args=_ARGUMENTS)
        context = browser.new_context(
            viewport={"width": width, "height": height}, device_scale_factor=scale
        )
        yield context.new_page()
        browser.close()


def keep(page: Page, name: str) -> None:
    """Keep a picture of the page among what CI puts out."""
    _PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=_PICTURES / f"{name}.png")
