"""Column lineage as Dagster's page draws it: from a table's column to Brevo's attribute."""

from collections.abc import Iterator

import dagster as dg
import pytest

from tajo_sf_pipeline import defs
from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline_tests.shops import Shop
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

QUERY = """
WITH totals AS (SELECT person, SUM(amount) AS spent FROM {orders} GROUP BY person)
SELECT p.email, UPPER(p.first_name) AS name, t.spent
FROM {people} AS p LEFT JOIN totals AS t ON t.person = p.email
"""


@pytest.fixture(scope="module")
def shop(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Give a shop whose audience joins two tables, after its run."""
    folder = tmp_path_factory.mktemp("lineage")
    workspace = Workspace.new(folder, sandbox, BrevoAccount.new(sandbox))
    workspace.write(snowflake={"transport": "sql_api"})
    people = workspace.table("people", "email,first_name", [("ada@example.com", "Ada")])
    orders = workspace.table("orders", "person,amount", [("ada@example.com", 7)])
    workspace.brevo.attributes(SPENT="float")
    workspace.audience(
        workspace.prefix,
        QUERY.replace("{orders}", orders).replace("{people}", people),
        {"email": "email", "name": "FIRSTNAME", "spent": "SPENT"},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        shop = Shop(workspace, instance, audience=workspace.prefix)
        shop.run()
        yield shop


def deps(shop: Shop, step: str) -> dict[str, list[tuple[str, str]]]:
    """Give for each column of a step the assets and columns that it comes from."""
    found = shop.materializations(step)[0].metadata["dagster/column_lineage"]
    assert isinstance(found, dg.TableColumnLineageMetadataValue)
    return {
        column: [(dep.asset_key.path[-1], dep.column_name) for dep in those]
        for column, those in found.value.deps_by_column.items()
    }


def test_an_attribute_is_followed_to_the_tables(shop: Shop) -> None:
    """Each step names the step before it, so that the page draws one line through all of them."""
    prefix = shop.workspace.prefix.upper()
    assert {
        "EMAIL": [(f"{prefix}_PEOPLE", "EMAIL")],
        "NAME": [(f"{prefix}_PEOPLE", "FIRST_NAME")],
        "SPENT": [(f"{prefix}_ORDERS", "AMOUNT")],
    } == deps(shop, "extract")
    assert {
        "_key": [("extract", "EMAIL")],
        "FIRSTNAME": [("extract", "NAME")],
        "SPENT": [("extract", "SPENT")],
    } == deps(shop, "mapped")
    assert {
        "EMAIL": [("mapped", "_key")],
        "FIRSTNAME": [("mapped", "FIRSTNAME")],
        "SPENT": [("mapped", "SPENT")],
    } == deps(shop, "sync")


def test_the_tables_of_the_lineage_are_assets_of_the_graph(shop: Shop) -> None:
    """Else the page could not lead from the extract to its table."""
    lineage = shop.materializations("extract")[0].metadata["dagster/column_lineage"]
    assert isinstance(lineage, dg.TableColumnLineageMetadataValue)
    tables = {dep.asset_key for those in lineage.value.deps_by_column.values() for dep in those}
    graph = defs.build(shop.workspace.settings()).resolve_asset_graph()
    extract = graph.get(dg.AssetKey([shop.audience, "extract"]))
    assert tables == extract.parent_keys


def test_each_step_declares_the_columns_that_its_lineage_names(shop: Shop) -> None:
    """The page shows lineage beside the columns of the schema."""
    for step in ("extract", "mapped", "sync"):
        schema = shop.materializations(step)[0].metadata["dagster/column_schema"]
        assert isinstance(schema, dg.TableSchemaMetadataValue)
        assert deps(shop, step).keys() <= {column.name for column in schema.schema.columns}
