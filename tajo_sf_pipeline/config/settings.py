"""tajo.yaml and the environment as frozen settings; nothing else reads the environment."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import AfterValidator, Field

from tajo_sf_pipeline.config.alerting import Alerts
from tajo_sf_pipeline.config.alternatives import exactly_one
from tajo_sf_pipeline.config.cron import check_cron
from tajo_sf_pipeline.config.duration import Duration
from tajo_sf_pipeline.config.yaml_document import (
    Credential,
    Location,
    Model,
    Unset,
    read,
    validated,
)
from tajo_sf_pipeline.errors import ConfigurationError

SHIPPED_AUDIENCES = ("customers", "segments", "analytics", "events")


def _owner(text: str) -> str:
    # As Dagster has it, which refuses to load anything else.
    team = text.startswith("team:") and len(text) > len("team:")
    if not team and not re.fullmatch(r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}", text):
        raise ValueError("must be an e-mail address, or a team such as team:crm")
    return text


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: "Europe" is a folder
        raise ValueError(f"{name!r} is not a time zone such as Europe/Paris") from None
    return name


def _account(text: str) -> str:
    if not re.fullmatch(r"(https://)?[A-Za-z0-9_.-]+/?", text):
        raise ValueError("must be organisation-account, a locator, or the account's host name")
    return text


LogFormat = Literal["text", "json"]
Account = Annotated[str, AfterValidator(_account)]
Cron = Annotated[str, AfterValidator(check_cron)]
Owner = Annotated[str, AfterValidator(_owner)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]


class KeyPair(Model):
    """Key-pair sign-in: the PEM text of a PKCS#8 RSA key, or a file that holds it."""

    method: Literal["key_pair"] = "key_pair"
    private_key: Credential | None = None
    private_key_path: Path | None = None
    private_key_passphrase: Credential | None = None


class Token(Model):
    """A token that somebody else made: a programmatic access token, or an OAuth access token."""

    method: Literal["pat", "oauth_token"]
    token: Credential


class Password(Model):
    """User and password, for accounts that still allow them; prefer a key pair."""

    method: Literal["password"]
    password: Credential


class OAuthClientCredentials(Model):
    """External OAuth: the identity provider's token endpoint gives tokens to a client.

    Snowflake's own endpoint refuses this grant (docs.snowflake.com/en/user-guide/oauth-custom).
    """

    method: Literal["oauth_client_credentials"]
    client_id: Credential
    client_secret: Credential
    token_url: str
    scope: str | None = None


class OAuthRefreshToken(Model):
    """Snowflake OAuth: a refresh token that a person has once obtained gives access tokens."""

    method: Literal["oauth_refresh_token"]
    client_id: Credential
    client_secret: Credential
    refresh_token: Credential
    token_url: str | None = None


Auth = Annotated[
    KeyPair | Token | Password | OAuthClientCredentials | OAuthRefreshToken,
    Field(discriminator="method"),
]


class Sync(Model):
    """Which of the shipped audiences run, and when."""

    customers: bool = False
    segments: bool = False
    analytics: bool = False
    events: bool = False
    schedule: Cron = "0 */6 * * *"


class Snowflake(Model):
    """``connectors.snowflake``."""

    enabled: bool = True
    account: Account
    user: Credential
    warehouse: str | None = None
    database: str
    schema_: str = Field(alias="schema")
    role: str | None = None
    auth: Auth
    transport: Literal["connector", "sql_api"] = "connector"
    host: str | None = None
    port: int | None = Field(default=None, ge=1, le=65535)
    protocol: Literal["https", "http"] = "https"
    statement_timeout: int = Field(default=900, ge=1, le=604_800)
    login_timeout: int = Field(default=60, ge=1)
    network_timeout: int = Field(default=600, ge=1)
    sync: Sync = Sync()
    queries: dict[str, str] = {}
    field_mapping: dict[str, Any] = {}  # as it is written: `audience` knows what may stand there
    debug: bool = False
    log_level: Literal["info", "verbose"] = "info"
    log_queries: bool = False


class BrevoOAuth(Model):
    """OAuth for server-to-server use: Brevo's token endpoint gives tokens to a client.

    `token_url` is by default Brevo's own, at the root of `base_url`'s host.
    """

    client_id: Credential
    client_secret: Credential
    scope: str | None = None
    token_url: str | None = None


class Brevo(Model):
    """``connectors.brevo``. `patience` is how many seconds an outage is waited out.

    `share` is the part of the account's rate limits that this workspace may draw; workspaces that
    name the same `budget` folder hold the limits together.
    """

    enabled: bool = True
    api_key: Credential | None = None
    oauth: BrevoOAuth | None = None
    base_url: str = Field(default="https://api.brevo.com/v3", pattern=r"^https?://")
    plan: Literal["general", "advanced", "extended"] = "general"
    share: float = Field(default=1.0, gt=0, le=1)
    budget: Path | None = None
    notify_url: str | None = Field(default=None, pattern=r"^https?://")
    patience: float = Field(default=120, ge=0)
    import_deadline: float = Field(default=3600, gt=0)

    _one_sign_in = exactly_one("api_key", "oauth")


class Connectors(Model):
    """What the workspace is connected to."""

    snowflake: Snowflake
    brevo: Brevo


class Retention(Model):
    """For how long files are kept: each date's extract, mapping and plan; closed dead letters."""

    extracts: Duration = Field(default=timedelta(days=30), ge=timedelta(days=1))
    dead_letters: Duration = Field(default=timedelta(days=90), ge=timedelta(days=1))


class WorkspaceFile(Model):
    """The whole of tajo.yaml."""

    workspace: str = Field(default="default", pattern=r"^[a-z][a-z0-9_-]*$")
    timezone: TimeZone = "UTC"
    # Dagster counts partitions from it, in seconds since 1970.
    start_date: date = Field(default=date(2026, 1, 1), ge=date(1970, 1, 1), lt=date(3000, 1, 1))
    sql_folder: Path = Path("sql")
    log_personal_data: bool = False
    retention: Retention = Retention()
    alerts: Alerts = Alerts()
    connectors: Connectors


@dataclass(frozen=True, slots=True)
class Settings:
    """One workspace: its file, its home folder, what the file says, and on which line."""

    path: Path
    home: Path
    file: WorkspaceFile
    lines: Mapping[Location, int] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)

    @property
    def snowflake(self) -> Snowflake:
        return self.file.connectors.snowflake

    @property
    def brevo(self) -> Brevo:
        return self.file.connectors.brevo

    @property
    def sql_folder(self) -> Path:
        return self.path.parent / self.file.sql_folder

    @property
    def dagster_home(self) -> Path:
        return Path(self.environment.get("DAGSTER_HOME") or self.home / "dagster").absolute()

    @property
    def log_format(self) -> LogFormat:
        return _log_format(self.environment)

    def secrets(self) -> set[str]:
        """Return every credential that is known, so that no log line shows one (S14)."""
        return set(_secrets(self.file)) - {self.snowflake.user.value}

    def today(self) -> date:
        """Return the sync date of this moment, in the workspace's time zone."""
        return datetime.now(ZoneInfo(self.file.timezone)).date()


def load(path: Path | None = None) -> Settings:
    """Read the workspace file: `path`, else ``TAJO_CONFIG``, else ./tajo.yaml.

    Raises `ConfigurationError`, with file and line, for everything but a missing credential: that
    fails the run that needs it.
    """
    path, environment = _located(path)
    _log_format(environment)
    document = read(path, environment)
    _take_credentials_from(environment, document.value)
    return Settings(
        path=path,
        home=_home(path, environment),
        file=validated(WorkspaceFile, document),
        lines=document.lines,
        environment=environment,
    )


def log_format(path: Path | None = None) -> LogFormat:
    """Return ``TAJO_LOG`` as `load` would read it, whether the workspace exists or not."""
    return _log_format(_located(path)[1])


def home(path: Path | None = None) -> Path:
    """Return ``TAJO_HOME`` of the workspace that `load` would read, whether it exists or not."""
    return _home(*_located(path))


def _located(path: Path | None) -> tuple[Path, dict[str, str]]:
    path = (path or Path(os.environ.get("TAJO_CONFIG") or "tajo.yaml")).absolute()
    written = dotenv_values(path.parent / ".env")
    return path, {name: text for name, text in written.items() if text is not None} | os.environ


def _log_format(environment: Mapping[str, str]) -> LogFormat:
    match environment.get("TAJO_LOG") or "text":
        case "text" | "json" as chosen:
            return chosen
        case unknown:
            raise ConfigurationError(
                "TAJO-171", f"TAJO_LOG is {unknown!r}", "Set it to text or json, or unset it."
            )


def _home(path: Path, environment: Mapping[str, str]) -> Path:
    # A relative TAJO_HOME is beside the file: daemons run in folders of their own.
    return path.parent / (environment.get("TAJO_HOME") or ".tajo")


def _secrets(value: Any) -> Iterator[str]:
    """Find the credentials in a model, however deep."""
    match value:
        case Credential(value=str() as secret):
            yield secret
        case Model():
            for _, item in value:
                yield from _secrets(item)
        case dict():
            for item in value.values():
                yield from _secrets(item)
        case list() | tuple():
            for item in value:
                yield from _secrets(item)


def _take_credentials_from(environment: Mapping[str, str], value: Any) -> None:
    """Fill in the parts that tajo.yaml may leave to the environment."""

    def variable(name: str) -> Any:
        return environment.get(name) or Unset(name)

    connectors = value.get("connectors") if isinstance(value, dict) else None
    if not isinstance(connectors, dict):
        return
    snowflake = connectors.get("snowflake")
    if isinstance(snowflake, dict):
        snowflake.setdefault("user", variable("SNOWFLAKE_USER"))
        key = {"method": "key_pair", "private_key": variable("SNOWFLAKE_PRIVATE_KEY")}
        snowflake.setdefault("auth", key)
    brevo = connectors["brevo"] = connectors.get("brevo") or {}
    if isinstance(brevo, dict) and "oauth" not in brevo:
        brevo.setdefault("api_key", variable("BREVO_API_KEY"))
