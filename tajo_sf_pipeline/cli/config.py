"""`tajo config`: the workspace file, checked and described."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.audience.field_mapping import SharedMapping
from tajo_sf_pipeline.cli.output import ConfigOption, JsonOption, console, plain_table, print_json
from tajo_sf_pipeline.config import settings as workspace
from tajo_sf_pipeline.config.settings import Settings, WorkspaceFile
from tajo_sf_pipeline.config.yaml_document import Credential

app = typer.Typer(no_args_is_help=True)


@app.command()
def validate(
    dagster: Annotated[
        bool, typer.Option("--dagster", help="Build what Dagster loads, too; some seconds.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load the workspace and say what is in it, and which credentials are still missing.

    Whatever Dagster would refuse when it loads the workspace is refused here, by file and line.
    """
    settings = workspace.load(config)
    loaded = catalog.load(settings)
    missing = missing_variables(settings)
    if dagster:
        from tajo_sf_pipeline import defs

        defs.check_loadable(settings, tuple(loaded))
    if as_json:
        print_json(
            {
                "workspace": settings.file.workspace,
                "file": str(settings.path),
                "audiences": [
                    {"name": a.name, "attributes": a.attributes, "schedule": a.schedule}
                    for a in loaded
                ],
                "notes": loaded.notes,
                "missing": missing,
            }
        )
        return
    console.print(f"{settings.path} is valid: workspace {settings.file.workspace}")
    table = plain_table()
    for name in ("audience", "destination", "schedule", "attributes"):
        table.add_column(name)
    for one in loaded:
        to = one.destination
        where = f"{to.folder} / {to.list}" if to.list else to.as_text()
        table.add_row(one.name, where, one.schedule, ", ".join(one.attributes))
    console.print(table)
    if dagster:
        console.print("Dagster loads it")
    for note in loaded.notes:
        console.print(f"note: {note}")
    if missing:
        console.print(f"still missing, for a run: {', '.join(missing)}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of tajo.yaml."""
    print_json(workspace_schema())


def workspace_schema() -> dict[str, Any]:
    """Return the JSON Schema of tajo.yaml with that of the fields that a mapping may have."""
    whole, mapping = WorkspaceFile.model_json_schema(), SharedMapping.model_json_schema()
    options = whole["$defs"]["Snowflake"]["properties"]
    options["field_mapping"]["additionalProperties"] = mapping["additionalProperties"]
    return {**whole, "$defs": whole["$defs"] | mapping["$defs"]}


def missing_variables(settings: Settings) -> list[str]:
    """Return the variables that a run needs and the environment lacks."""
    auth, brevo = settings.snowflake.auth, settings.brevo
    keys = [settings.snowflake.user, brevo.api_key]
    return unset([*keys, *(value for _, value in (*auth, *(brevo.oauth or ())))])


def unset(values: Iterable[object]) -> list[str]:
    """Return the variables of those values that are credentials and not there."""
    return [
        value.variable
        for value in values
        if isinstance(value, Credential) and value.value is None and value.variable
    ]
