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
    """Ask for the credential, and keep it in .env if Brevo accepts it; give what it may do.

    With ``connectors.brevo.oauth`` in tajo.yaml that is a client's id and secret, else an API key.
    Without a terminal each is a line of standard input.
    """
    env = settings.path.parent / ".env"
    names = (CLIENT_ID, CLIENT_SECRET) if settings.brevo.oauth else (KEY,)
    if known := [name for name in names if variables(env).get(name)]:
        ask(f"{' and '.join(known)} in {env} will be replaced. Go on?", yes=yes)
    errors.print(
        "In Brevo: Settings > SMTP & API > API keys > Generate a new API key. Where unknown "
        "addresses are blocked, add this machine's under Security > Authorised IPs."
        if names == (KEY,)
        else "In Brevo: an app for server-to-server use, with the scopes that the audiences need.",
        soft_wrap=True,
    )
    given = {name: _read(name) for name in names}
    found = _proved(settings, given)
    if found[0].error:
        raise found[0].error
    write(env, given)
    errors.print(f"{env} holds {' and '.join(names)} now (0600).", soft_wrap=True)
    return found


def _proved(settings: Settings, given: dict[str, str]) -> list[Finding]:
    secrets = {name: Credential(value) for name, value in given.items()}
    budget = state_of(settings).budget
    return list(findings(_with(settings.brevo, secrets), catalog.load(settings), budget))


def _with(brevo: Brevo, given: dict[str, Credential]) -> Brevo:
    if brevo.oauth is None:
        return brevo.model_copy(update={"api_key": given[KEY]})
    secrets = {"client_id": given[CLIENT_ID], "client_secret": given[CLIENT_SECRET]}
    return brevo.model_copy(update={"oauth": brevo.oauth.model_copy(update=secrets)})


def _read(name: str) -> str:
    """Read a secret without showing it."""
    terminal = sys.stdin.isatty()
    text = getpass.getpass(f"{name}: ") if terminal else sys.stdin.readline()
    if not text.strip():
        raise ConfigurationError("TAJO-133", f"no {name} was given", "Give one; nothing changed.")
    return text.strip()
