"""`tajo alerts`: whether those who are to be told can be reached."""

from collections.abc import Iterator
from datetime import UTC, datetime

import typer

from tajo_sf_pipeline.alerts.rules import Alert
from tajo_sf_pipeline.alerts.senders import senders
from tajo_sf_pipeline.cli.findings import print_findings
from tajo_sf_pipeline.cli.output import ConfigOption, JsonOption
from tajo_sf_pipeline.config import settings as workspace
from tajo_sf_pipeline.config.alerting import Alerts
from tajo_sf_pipeline.errors import ConfigurationError, TajoError
from tajo_sf_pipeline.telemetry.finding import Finding

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep the name of the one command."""


@app.command("test")
def prove(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Send a test message to every receiver of tajo.yaml, and say what each answered."""
    alerts = workspace.load(config).file.alerts
    if not alerts.any:
        raise ConfigurationError(
            "TAJO-163",
            "tajo.yaml names no receiver of alerts",
            "Add alerts.slack, alerts.webhook or alerts.email; docs/alerts.md shows each.",
        )
    print_findings(list(_answers(alerts)), as_json=as_json)


def _answers(alerts: Alerts) -> Iterator[Finding]:
    message = _message(alerts.link)
    for name, receiver in senders(alerts).items():
        try:
            yield Finding(name, receiver.send(message))
        except TajoError as error:
            yield Finding(name, error=error)


def _message(link: str) -> Alert:
    return Alert(
        key="test",
        rule="test",
        status="firing",
        audience="",
        sync_date="",
        kind="test",
        code="TAJO-846",
        happened="`tajo alerts test` was run: alerts reach this receiver",
        next_step="Nothing is left to do.",
        link=link,
        times=1,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
