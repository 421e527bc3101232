"""`tajo connectors connect brevo`: a credential that signs in, into .env; then what it may do."""

import getpass
import sys

from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.brevo.probe import findings
from tajo_sf_pipeline.cli.dotenv_file import ask, variables, write
from tajo_sf_pipeline.cli.output import errors
from tajo_sf_pipeline.config.settings import Brevo, Settings
from tajo_sf_pipeline.config.yaml_document import Credential
from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.state.selection import state_of
from tajo_sf_pipeline.telemetry.finding import Finding

KEY, CLIENT_ID, CLIENT_SECRET = "BREVO_API_KEY", "BREVO_CLIENT_ID", "BREVO_CLIENT_SECRET"


def connect(settings: Settings, *, yes: bool) -> list[Finding]:
    """Ask for the credential, and keep it in .env if Brevo accepts it; return what it may do.

    With ``connectors.brevo.oauth`` in tajo.yaml that is a client's id and secret, else an API key.
    Without a terminal each is a line of standard input.
    """
    env = settings.path.parent / ".env"
    names = (CLIENT_ID, CLIENT_SECRET) if settings.brevo.oauth else (KEY,)
    if replaced := [name for name in names if variables(env).get(name)]:
        ask(f"{' and '.join(replaced)} in {env} will be replaced. Go on?", yes=yes)
    errors.print(
        "In Brevo: Settings > SMTP & API > API keys > Generate a new API key. Where unknown "
        "addresses are blocked, add this machine's under Security > Authorised IPs."
        if names == (KEY,)
        else "In Brevo: an app for server-to-server use, with the scopes that the audiences need.",
        soft_wrap=True,
    )
    secrets = {name: _read(name) for name in names}
    report = _prove(settings, secrets)
    if report[0].error:
        raise report[0].error
    write(env, secrets)
    errors.print(f"{env} holds {' and '.join(names)} now (0600).", soft_wrap=True)
    return report


def _prove(settings: Settings, secrets: dict[str, str]) -> list[Finding]:
    credentials = {name: Credential(value) for name, value in secrets.items()}
    budget = state_of(settings).budget
    return list(findings(_with(settings.brevo, credentials), catalog.load(settings), budget))


def _with(brevo: Brevo, credentials: dict[str, Credential]) -> Brevo:
    if brevo.oauth is None:
        return brevo.model_copy(update={"api_key": credentials[KEY]})
    client = {"client_id": credentials[CLIENT_ID], "client_secret": credentials[CLIENT_SECRET]}
    return brevo.model_copy(update={"oauth": brevo.oauth.model_copy(update=client)})


def _read(name: str) -> str:
    """Return a secret, read without showing it."""
    terminal = sys.stdin.isatty()
    text = getpass.getpass(f"{name}: ") if terminal else sys.stdin.readline()
    if not text.strip():
        raise ConfigurationError("TAJO-133", f"no {name} was given", "Give one; nothing changed.")
    return text.strip()
