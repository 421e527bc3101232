import argparse
import gc
import sys

from tajo_sf_pipeline.sandbox import process
from tajo_sf_pipeline.sandbox.brevo.accounts import Accounts
from tajo_sf_pipeline.sandbox.brevo.app import create_app
from tajo_sf_pipeline.sandbox.brevo.imports.queue import ImportQueue
from tajo_sf_pipeline.sandbox.brevo.limits import PLANS
from tajo_sf_pipeline.sandbox.brevo.settings import Settings
from tajo_sf_pipeline.sandbox.brevo.store import Store

_OAUTH = {
    "client_id": "sandbox-brevo-client",
    "client_secret": "sandbox-brevo-secret",
    "scopes": [
        f"{resource}:{right}"
        for resource in ("account", "campaigns", "contacts", "events", "objects", "processes")
        for right in ("read", "write")
    ],
}


def main() -> int:
    arguments = _parse_arguments()
    try:
        listener = process.listen(arguments.port)
    except process.PortTakenError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the one line for the person who started it
        return process.EXIT_CANNOT_START
    # An import makes a few hundred thousand objects at once, and no cycles to look for.
    gc.set_threshold(200_000, 20, 20)
    store = Store(arguments.home)
    imports = ImportQueue(store)
    try:
        accounts = _open_accounts(store, arguments.account_key, arguments.plan)
        app = create_app(store, accounts, imports)
        process.run(
            app,
            listener,
            until_stdin_closes=arguments.until_stdin_closes,
            allowed_hosts=arguments.allowed_host,
        )
    finally:
        imports.close()
        store.close()
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = process.argument_parser(
        "python -m tajo_sf_pipeline.sandbox.brevo",
        "A local Brevo for demonstrations and tests.",
    )
    parser.add_argument(
        "--account-key",
        default="sandbox-brevo-key",
        help="api key of an account that is created unless it is there (default: %(default)s); "
        f"its OAuth client is {_OAUTH['client_id']}, secret {_OAUTH['client_secret']}",
    )
    parser.add_argument("--plan", choices=PLANS, help="that account's rate limits")
    return parser.parse_args()


def _open_accounts(store: Store, key: str, plan: str | None) -> Accounts:
    accounts = Accounts(store)
    account = accounts.find(key) or accounts.create(key, Settings(oauth=_OAUTH))
    if plan:
        accounts.change(account, plan=plan)
    return accounts


if __name__ == "__main__":
    sys.exit(main())
