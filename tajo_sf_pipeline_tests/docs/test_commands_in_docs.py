"""Every command in README and docs/ runs: here, or in the test that is named for it."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline.sandbox.shop.brevo_account import create_attributes
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tajo_sf_pipeline_tests"
# In the order in which a person would read them; one workspace serves all.
PAGES = (
    "README.md",
    *(
        f"docs/{name}.md"
        for name in (
            *("quick-start", "connect", "audiences", "mapping", "checks", "backfills"),
            *("alerts", "reliability", "production", "security", "runbook"),
            *("architecture", "benchmarks", "sandbox"),
        )
    ),
)
# What does not end by itself, or wants an answer: the beginning of a command, and who runs it.
ELSEWHERE = {
    "tajo demo": ("server/test_commands.py", '"demo"'),
    ".venv/bin/tajo sandbox up": ("server/test_commands.py", '"sandbox", "up"'),
    "tajo alerts test": ("server/test_alert_receivers.py", '"alerts", "test"'),
    "tajo connectors rotate snowflake": ("server/test_connect.py", '"rotate"'),
    "tajo connectors connect brevo": ("server/test_connect_brevo.py", '"connect", "brevo"'),
    "dagster instance info": ("server/test_compose.py", '"tables"'),
    "dagster-webserver": ("server/test_compose.py", '"webserver"'),
    "dagster-daemon": ("server/test_compose.py", '"daemon"'),
    "python -m benchmarks": ("server/test_benchmarks.py", '"benchmarks"'),
}
LIST = "a list that is there already"
# Neither is there where this project is tested; docs/production.md says so.
NOT_RUN = ("docker compose", "helm")


def _text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def _blocks(page: str, *languages: str) -> list[str]:
    fence = rf"^```(?:{'|'.join(languages)})\n(.*?)^```$"
    return re.findall(fence, _text(page), re.MULTILINE | re.DOTALL)


def _commands(page: str) -> Iterator[str]:
    """Give the lines of a page's shell blocks, without settings and what precedes a command."""
    for block in _blocks(page, "sh", "bash", "console"):
        for line in block.splitlines():
            command = re.sub(r"^(\w+=(\$\([^)]*\)|\S*) )+", "", line.strip())
            if command and not re.fullmatch(r"#.*|\w+=\S*", command):
                yield command


@pytest.fixture(scope="module")
def shop(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Make a workspace on the shop, with the audiences and the settings that the pages show."""
    workspace = Workspace.new(tmp_path_factory.mktemp("docs"), sandbox, BrevoAccount.new(sandbox))
    shown = [text for page in PAGES for text in _blocks(page, "yaml")]
    settings = [yaml.safe_load(text) for text in shown if text.startswith("# in tajo.yaml\n")]
    workspace.write(
        snowflake={"sync": {"customers": True, "segments": True, "analytics": True}},
        **{name: value for block in settings for name, value in block.items()},
    )
    create_attributes(sandbox.brevo_url, workspace.brevo.key)
    workspace.brevo.make_list(LIST, "Somebody's")
    (workspace.folder / "sql").mkdir()
    for text in _blocks("docs/audiences.md", "yaml", "sql"):
        if named := re.match(r"(?:#|--) (sql/[a-z_]+\.(?:yaml|sql))\n", text):
            (workspace.folder / named[1]).write_text(text, encoding="utf-8")
    return workspace


def test_every_page_is_listed() -> None:
    """A page that is added is run too."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    assert {str(page.relative_to(ROOT)) for page in pages} == {
        *PAGES,
        "CHANGELOG.md",
        "CONTRIBUTING.md",
    }


@pytest.fixture(scope="module")
def done() -> set[str]:
    """Remember what has run: a command that stands on several pages runs once."""
    return set()


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run(shop: Workspace, done: set[str], page: str) -> None:
    """In the order of the page; each ends with 0."""
    for command in _commands(page):
        if command.startswith(NOT_RUN) or command in done:
            continue
        done.add(command)
        place = next((where for what, where in ELSEWHERE.items() if command.startswith(what)), None)
        if place:
            test, words = place
            assert words in (TESTS / test).read_text(encoding="utf-8"), command
        elif command.startswith("make"):
            subprocess.run(["make", "-n", *command.split()[1:]], cwd=ROOT, check=True)
        else:
            # A list's number is the account's own; any other word is run as it stands.
            number = shop.brevo.list_ids()[LIST]
            program, *arguments = shlex.split(command.replace("list-id 1 ", f"list-id {number} "))
            assert "tajo" == program, f"{page}: {command}: nobody runs this"
            ran = shop.tajo(*arguments)
            assert 0 == ran.code, f"{page}: {command}\n{ran.out}\n{ran.err}"


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md"])
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    """A relative link names a file, and a heading that the file has."""
    for target in re.findall(r"\]\((?!https?:)([^)\s]*)\)", _text(page)):
        path, _, heading = target.partition("#")
        found = (ROOT / page).parent / path if path else ROOT / page
        assert found.exists(), f"{page}: {target}"
        if heading:
            titles = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in slugs, f"{page}: {target}"
