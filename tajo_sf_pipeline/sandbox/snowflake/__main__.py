import argparse
import sys

import duckdb

from tajo_sf_pipeline.sandbox import process
from tajo_sf_pipeline.sandbox.snowflake.app import create_app
from tajo_sf_pipeline.sandbox.snowflake.credentials import provide_credentials
from tajo_sf_pipeline.sandbox.snowflake.faults import FAULTS, Fault, Faults, written
from tajo_sf_pipeline.sandbox.snowflake.settings import Settings
from tajo_sf_pipeline.sandbox.snowflake.warehouse import Warehouse


def main() -> int:
    arguments = _parse_arguments()
    try:
        listener = process.listen(arguments.port)
        warehouse = Warehouse(arguments.home / "snowflake")
    except process.PortTakenError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the one line for the person who started it
        return process.EXIT_CANNOT_START
    except duckdb.IOException as error:
        reason = str(error).splitlines()[0]
        print(  # noqa: T201 - as above
            f"The tables in {arguments.home} cannot be opened; stop the other local Snowflake "
            f"that uses this folder, or choose another --home. ({reason})",
            file=sys.stderr,
        )
        return process.EXIT_CANNOT_START
    try:
        app = create_app(
            warehouse,
            provide_credentials(arguments.home),
            Settings(partition_rows=arguments.partition_rows),
            Faults(arguments.fault),
        )
        process.run(
            app,
            listener,
            until_stdin_closes=arguments.until_stdin_closes,
            allowed_hosts=arguments.allowed_host,
        )
    finally:
        warehouse.close()
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = process.argument_parser(
        "python -m tajo_sf_pipeline.sandbox.snowflake",
        "A local Snowflake for demonstrations and tests.",
    )
    parser.add_argument(
        "--partition-rows",
        type=_positive,
        default=Settings().partition_rows,
        metavar="N",
        help="most rows of a partition of the SQL API (default: %(default)s)",
    )
    parser.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="NAME[=AMOUNT][xTIMES][@CALL]",
        help=f"misbehave so, TIMES times from the CALL-th call on; NAME is one of {_known()}",
    )
    return parser.parse_args()


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _fault(text: str) -> Fault:
    try:
        return written(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _known() -> str:
    return "; ".join(
        f"{name}{f'=<{kind.amount.name}>' if kind.amount else ''} ({kind.strikes})".replace(
            "%", "%%"
        )
        for name, kind in FAULTS.items()
    )


if __name__ == "__main__":
    sys.exit(main())
