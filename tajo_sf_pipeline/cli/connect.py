"""`tajo connectors connect` and `rotate`: a key, the settings in .env, the vendor's side to run."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import dotenv
import typer

from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.audience.statement import Table
from tajo_sf_pipeline.cli.dotenv_file import ask, write
from tajo_sf_pipeline.cli.findings import print_findings
from tajo_sf_pipeline.cli.output import ConfigOption, JsonOption, console, errors, print_json
from tajo_sf_pipeline.config import settings as workspace
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.sources.snowflake import onboarding
from tajo_sf_pipeline.sources.snowflake.keys import fingerprint

KEY_PATH = "SNOWFLAKE_PRIVATE_KEY_PATH"
# Snowflake keeps two keys of a user, so that one can be changed while the other works.
SLOTS = {"RSA_PUBLIC_KEY": "rsa_key.p8", "RSA_PUBLIC_KEY_2": "rsa_key_2.p8"}
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def connect(
    name: Annotated[str, typer.Argument(help="snowflake or brevo")],
    account: Annotated[str | None, typer.Option(help="org-account, locator or host.")] = None,
    user: Annotated[str, typer.Option(help="The service user to make.")] = "TAJO_INTEGRATION",
    role: Annotated[str, typer.Option(help="The role to make.")] = "TAJO_ROLE",
    warehouse: Annotated[str, typer.Option(help="The warehouse to make.")] = "TAJO_WH",
    yes: YesOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a credential into .env: Brevo's key, or a key pair and the SQL that lets it in."""
    settings = workspace.load(config)
    if name == "brevo":
        from tajo_sf_pipeline.cli import connect_brevo

        print_findings(connect_brevo.connect(settings, yes=yes), as_json=as_json, connector=name)
    if name != "snowflake":
        raise no_such_connector(name)
    folder = settings.path.parent
    path = folder / SLOTS["RSA_PUBLIC_KEY"]
    if path.exists():
        ask(f"{path} exists. Keep it as {path.name}.old and make a new key?", yes=yes)
        path.replace(path.with_name(f"{path.name}.old"))
    key = onboarding.make_key(path)
    write(
        folder / ".env",
        {
            "SNOWFLAKE_ACCOUNT": account or settings.snowflake.account,
            "SNOWFLAKE_USER": user,
            "SNOWFLAKE_ROLE": role,
            "SNOWFLAKE_WAREHOUSE": warehouse,
            KEY_PATH: path.name,
        },
    )
    script = onboarding.setup_sql(
        key,
        _tables(settings),
        user=user,
        role=role,
        warehouse=warehouse,
        database=settings.snowflake.database,
        statement_timeout=settings.snowflake.statement_timeout,
    )
    if as_json:
        print_json({"key": str(path), "fingerprint": fingerprint(key), "sql": script})
        return
    console.print(script, markup=False, highlight=False, soft_wrap=True)
    errors.print(
        f"The key is {path} ({fingerprint(key)}); .env names it. Run the SQL above in Snowflake, "
        "then `tajo connectors test snowflake`.",
        soft_wrap=True,
    )


def rotate(
    name: Annotated[str, typer.Argument(help="snowflake")],
    yes: YesOption = False,
    config: ConfigOption = None,
) -> None:
    """Change the key without an hour of darkness: the other slot first, then .env, then the old."""
    _only_snowflake(name)
    settings = workspace.load(config)
    folder = settings.path.parent
    old_name = dotenv.get_key(folder / ".env", KEY_PATH) or SLOTS["RSA_PUBLIC_KEY"]
    old_slot = next((slot for slot, file in SLOTS.items() if file == old_name), "RSA_PUBLIC_KEY")
    [new_slot] = SLOTS.keys() - {old_slot}
    path = folder / SLOTS[new_slot]
    if path.exists():
        ask(f"{path} exists, from an earlier rotation. Replace it?", yes=yes)
        path.unlink()
    key, user = onboarding.make_key(path), settings.snowflake.user.reveal()
    console.print(
        f"1. In Snowflake run:\n   ALTER USER {user} SET {new_slot} = "
        f"'{onboarding.public_key(key)}';\n   Its fingerprint is {fingerprint(key)}.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    ask("Has it run?", yes=yes)
    _prove(settings, path)
    write(folder / ".env", {KEY_PATH: path.name})
    console.print(
        f"2. The new key signs in, and .env names it now. When no run uses the old one any more:\n"
        f"   ALTER USER {user} UNSET {old_slot};  -- and remove {folder / old_name}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _prove(settings: Settings, key: Path) -> None:
    from tajo_sf_pipeline.config.settings import KeyPair
    from tajo_sf_pipeline.sources.snowflake.probe import sign_in

    auth = KeyPair(private_key_path=key)
    sign_in(settings.snowflake.model_copy(update={"auth": auth}), settings.path.parent)


def _tables(settings: Settings) -> Iterable[Table]:
    snowflake = settings.snowflake
    return {
        table
        for audience in catalog.load(settings)
        for table in audience.statement.sources(snowflake.database, snowflake.schema_)
    }


def _only_snowflake(name: str) -> None:
    if name == "brevo":
        raise ConfigurationError(
            "TAJO-109",
            "Brevo keeps no second key to change over to",
            "Make a new API key, `tajo connectors connect brevo`, then delete the old one.",
        )
    if name != "snowflake":
        raise no_such_connector(name)


def no_such_connector(name: str) -> ConfigurationError:
    return ConfigurationError(
        "TAJO-108", f"there is no connector {name!r}", "Choose snowflake or brevo."
    )
