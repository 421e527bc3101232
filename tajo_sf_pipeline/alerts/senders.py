"""Alerts over the wire: a webhook that Slack understands, a generic one, an SMTP server."""

import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from tajo_sf_pipeline.alerts import messages
from tajo_sf_pipeline.alerts.rules import Alert
from tajo_sf_pipeline.config.alerting import Alerts, Email
from tajo_sf_pipeline.config.yaml_document import Credential
from tajo_sf_pipeline.errors import TajoError, VendorOutageError

# A sensor's tick must end within 60 s, whoever does not answer.
_SECONDS = 5.0


class Sender(Protocol):
    """A receiver's address."""

    def send(self, alert: Alert) -> str:
        """Send an alert and return the answer; raise `VendorOutageError` if it is not taken."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A URL that takes JSON. The URL is a secret: an error names its host only (S14)."""

    url: Credential
    headers: Mapping[str, Credential]
    slack: bool

    def send(self, alert: Alert) -> str:
        url = self.url.reveal()
        body = messages.slack(alert) if self.slack else messages.generic(alert)
        headers = {name: value.reveal() for name, value in self.headers.items()}
        try:
            answer = httpx.post(url, json=body, headers=headers, timeout=_SECONDS)
            return f"HTTP {answer.raise_for_status().status_code}"
        except httpx.HTTPStatusError as error:
            raise self._not_taken(f"HTTP {error.response.status_code}") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._not_taken(type(error).__name__) from None

    def _not_taken(self, why: str) -> TajoError:
        name = "alerts.slack" if self.slack else "alerts.webhook"
        host = urlsplit(self.url.reveal()).hostname
        return VendorOutageError(
            "TAJO-841",
            f"the receiver {host} of {name} did not take an alert: {why}",
            f"Check the address in {name}; the alert is tried again with each tick for a day.",
        )


@dataclass(frozen=True, slots=True)
class Mailer:
    """An SMTP server."""

    email: Email

    def send(self, alert: Alert) -> str:
        message = messages.email(alert, self.email.sender, self.email.to)
        try:
            with self._connected() as server:
                refused = server.send_message(message)
        except (smtplib.SMTPException, OSError) as error:
            code = getattr(error, "smtp_code", None)
            raise VendorOutageError(
                "TAJO-842",
                f"the mail server {self.email.host}:{self.email.port} did not take an alert: "
                f"{type(error).__name__}{f' {code}' if code else ''}",
                "Check alerts.email; the alert is tried again with each tick for a day.",
            ) from None
        taken = f"taken for {', '.join(to for to in self.email.to if to not in refused)}"
        return f"{taken}; refused for {', '.join(refused)}" if refused else taken

    def _connected(self) -> smtplib.SMTP:
        email, context = self.email, ssl.create_default_context()
        server: smtplib.SMTP
        if email.security == "tls":
            server = smtplib.SMTP_SSL(email.host, email.port, timeout=_SECONDS, context=context)
        else:
            server = smtplib.SMTP(email.host, email.port, timeout=_SECONDS)
        try:
            if email.security == "starttls":
                server.starttls(context=context)
            if email.user is not None and email.password is not None:
                server.login(email.user.reveal(), email.password.reveal())
        except BaseException:
            server.close()
            raise
        return server


def senders(alerts: Alerts) -> dict[str, Sender]:
    """Return every receiver of the workspace by its name in ``alerts``."""
    by_name: dict[str, Sender] = {}
    if alerts.slack is not None:
        by_name["slack"] = Hook(alerts.slack, {}, slack=True)
    if alerts.webhook is not None:
        by_name["webhook"] = Hook(alerts.webhook.url, alerts.webhook.headers, slack=False)
    if alerts.email is not None:
        by_name["email"] = Mailer(alerts.email)
    return by_name


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alert for one receiver that has not taken it yet."""

    receiver: str
    alert: Alert
    tries: int = 0

    def as_json(self) -> dict[str, Any]:
        return {"receiver": self.receiver, "alert": self.alert.as_json(), "tries": self.tries}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Waiting":
        return cls(fields["receiver"], Alert.from_json(fields["alert"]), fields["tries"])


def deliver(
    receivers: Mapping[str, Sender], waiting: list[Waiting]
) -> tuple[list[Waiting], list[TajoError]]:
    """Hand over what waits, in its order; return what still does, and why.

    A receiver that fails is not tried for the later ones: they would come out of order.
    """
    left: list[Waiting] = []
    failed: dict[str, TajoError] = {}
    for one in waiting:
        if one.receiver not in receivers:
            continue  # it was taken out of tajo.yaml
        if one.receiver in failed:
            left.append(one)
            continue
        try:
            receivers[one.receiver].send(one.alert)
        except TajoError as error:
            failed[one.receiver] = error
            left.append(Waiting(one.receiver, one.alert, one.tries + 1))
    return left, list(failed.values())
