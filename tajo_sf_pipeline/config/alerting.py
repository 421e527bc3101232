"""``alerts`` in tajo.yaml: where messages go, and when a rule speaks."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from tajo_sf_pipeline.config.duration import Duration
from tajo_sf_pipeline.config.limit import Limit
from tajo_sf_pipeline.config.yaml_document import Credential, Model


class Webhook(Model):
    """A generic receiver: each alert is POSTed to it as one JSON object."""

    url: Credential
    headers: dict[str, Credential] = {}


class Email(Model):
    """An SMTP server and who gets its e-mails. `starttls` and `tls` verify the certificate."""

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: Credential | None = None
    password: Credential | None = None
    sender: str = Field(alias="from", pattern=r"^[^\r\n]*@[^\r\n]*$")
    to: list[Annotated[str, Field(pattern=r"^[^\r\n]*@[^\r\n]*$")]] = Field(min_length=1)


class Rejection(Model):
    """Sustained rejection: more than `share` of the rows refused in each of so many `runs`."""

    share: Limit = Limit(5, percent=True)
    runs: int = Field(default=3, ge=1)


class Alerts(Model):
    """Each receiver that is given gets every message; `link` is where Dagster's page is served."""

    slack: Credential | None = None
    webhook: Webhook | None = None
    email: Email | None = None
    link: str = Field(default="http://127.0.0.1:3000", pattern=r"^https?://")
    remind_after: Duration = timedelta(hours=24)
    rejection: Rejection = Rejection()
    token_failures: int = Field(default=3, ge=1)

    @property
    def any(self) -> bool:
        return any((self.slack, self.webhook, self.email))
