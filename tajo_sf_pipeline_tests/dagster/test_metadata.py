"""What a marketer asks of a partition, and where its page answers."""

import re
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from tajo_sf_pipeline.config.settings import Brevo, Snowflake
from tajo_sf_pipeline.defs import links
from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline_tests.shops import PEOPLE, Shop, values
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace


def opened(workspace: Workspace, instance: dg.DagsterInstance) -> Shop:
    """Give a shop over the REST transport, which takes no seconds to import."""
    workspace.write(snowflake={"transport": "sql_api"})
    workspace.brevo.attributes(POINTS="float")
    shop = Shop(workspace, instance, audience=workspace.prefix)
    shop.table()
    shop.configure()
    return shop


@pytest.fixture
def shop(workspace: Workspace) -> Iterator[Shop]:
    """Give one that has not run yet."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield opened(workspace, instance)


@pytest.fixture(scope="module")
def twice(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Give one that has run twice, the second time with nothing to send."""
    folder = tmp_path_factory.mktemp("twice")
    with dg.DagsterInstance.ephemeral() as instance:
        shop = opened(Workspace.new(folder, sandbox, BrevoAccount.new(sandbox)), instance)
        shop.run()
        shop.run()
        yield shop


def told(shop: Shop, step: str, run: int = 0) -> dict[str, Any]:
    """Give what a step said; run 0 is the latest, 1 the one before."""
    return values(shop.materializations(step)[run])


def test_what_arrived_what_changed_and_what_was_refused(shop: Shop) -> None:
    """As tables in words; nobody's address stands in them, in Brevo's reasons neither."""
    reason = "ada@example.com is not welcome"
    fault = {"status": 400, "method": "POST", "path": "/v3/contacts", "message": reason}
    shop.workspace.brevo.change(faults=[fault])
    shop.run()
    assert "| rows | 5 |" in told(shop, "extract")["what_arrived"]
    assert "| EMAIL is not an e-mail address | 2 |" in told(shop, "mapped")["rejects"]
    sync = told(shop, "sync")
    assert "| created | 3 | Brevo did not have them from this audience |" in sync["what_changed"]
    assert "| failed | 1 | Brevo refused them, see the reasons |" in sync["what_changed"]
    assert sync["refused"].startswith("| Brevo's reason | rows |")
    assert re.search(r"\| .*a\*\*\*@example.com is not welcome \| 1 \|$", sync["refused"])
    everything = "".join(str(told(shop, step)) for step in ("extract", "mapped", "sync"))
    assert [] == [email for email, *_ in PEOPLE if email in everything]


def test_lists_calls_and_budget_of_a_sync(twice: Shop) -> None:
    """Which list got how many rows, and what part of the account's calls that took."""
    first, second = told(twice, "sync", run=1), told(twice, "sync")
    assert re.search(rf"\| {twice.audience} \| \d+ \| 3 \|$", first["lists"])
    assert f"list '{twice.audience}' in folder 'Tajo'" == first["destination"]
    assert 3 <= first["api_calls"]
    assert 0 < first["budget_used"] <= 1
    assert (0, 0.0, 3) == (second["api_calls"], second["budget_used"], second["unchanged"])
    quiet = "| unchanged | 3 | Brevo has them as they are, nothing was sent |"
    assert quiet in second["what_changed"]


def test_what_plots_is_a_number_at_every_partition(twice: Shop) -> None:
    """Dagster draws a line through numbers of one name only, so none is missing in a quiet run."""
    steps = ("extract", "mapped", "sync")
    first, second = ({step: _numbers(told(twice, step, run)) for step in steps} for run in (1, 0))
    assert first == second
    assert {"dagster/partition_row_count", "executing_seconds", "seconds"} <= first["extract"]
    assert {"rejected_rows", "rejected_share"} <= first["mapped"]
    assert {"created", "removed", "failed", "refused_share", "minutes"} <= first["sync"]


def _numbers(found: dict[str, Any]) -> set[str]:
    return {name for name, value in found.items() if isinstance(value, int | float)}


def test_mapped_shows_a_few_rows_beside_their_source(twice: Shop) -> None:
    """With the reason where there is one, and with nobody to be recognised."""
    rows = told(twice, "mapped")["preview"].splitlines()[2:]
    assert 5 == len(rows)
    first = "| 0 | EMAIL=a***@example.com, FIRST_NAME=A***, POINTS=1, PHONE=x*** |"
    assert f"{first} _key=a***@example.com, FIRSTNAME=A***, POINTS=1.0 |  |" == rows[0]
    assert rows[3].endswith("|  | EMAIL: is not an e-mail address |")


def test_a_workspace_may_show_personal_data(shop: Shop) -> None:
    """Only where it says `log_personal_data`."""
    shop.workspace.write(snowflake={"transport": "sql_api"}, log_personal_data=True)
    shop.run()
    assert "FIRSTNAME=Ada" in told(shop, "mapped")["preview"]


@pytest.mark.parametrize(
    ("account", "host", "page"),
    [
        (
            "acme-shop",
            None,
            "https://app.snowflake.com/acme/shop/#/compute/history/queries/01/detail",
        ),
        (
            "https://Acme-My_Shop.snowflakecomputing.com/",
            None,
            "https://app.snowflake.com/acme/my_shop/#/compute/history/queries/01/detail",
        ),
        ("xy12345.eu-west-1", None, None),
        ("xy12345", None, None),
        ("acme-shop", "127.0.0.1", None),
    ],
    ids=["name", "host name", "locator with region", "locator", "a local server"],
)
def test_a_query_has_its_page(account: str, host: str | None, page: str | None) -> None:
    """In Snowsight, of an account that is real and whose name says where it is."""
    snowflake = Snowflake.model_validate(
        {
            "account": account,
            "host": host,
            "user": "tajo",
            "database": "db",
            "schema": "public",
            "auth": {"method": "pat", "token": "t"},
        }
    )
    assert page == links.of_query(snowflake, "01")


@pytest.mark.parametrize(
    ("base_url", "page"),
    [
        ("https://api.brevo.com/v3", "https://app.brevo.com/contact/list/id/42"),
        ("http://127.0.0.1:8080/v3", None),
    ],
)
def test_a_list_has_its_page(base_url: str, page: str | None) -> None:
    """In Brevo, where the API is Brevo's own."""
    brevo = Brevo.model_validate({"api_key": "k", "base_url": base_url})
    assert page == links.of_list(brevo, 42)
