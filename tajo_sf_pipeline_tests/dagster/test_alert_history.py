"""What the alerts' sensor of runs reads in Dagster's own history, and what a receiver gets."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from tajo_sf_pipeline.alerts import messages
from tajo_sf_pipeline.alerts.rules import Alert
from tajo_sf_pipeline.alerts.senders import Waiting, deliver
from tajo_sf_pipeline.config.alerting import Alerts
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.defs.alerting import alert_sensors
from tajo_sf_pipeline.errors import VendorOutageError
from tajo_sf_pipeline_tests.receivers import Hook, hook

DAY = "2026-11-10"
OURS = {"tajo/audience": "people", "tajo/path": "incremental", "dagster/partition": DAY}
ALERT = Alert(
    key="run_failed/people/incremental",
    rule="run_failed",
    status="firing",
    audience="people",
    sync_date=DAY,
    kind="vendor_outage",
    code="TAJO-512",
    happened="Brevo answered with errors",
    next_step="Run it again.",
    link="http://d/runs/1",
    times=1,
    at="2026-11-10T12:00:00+00:00",
)


@dataclass(slots=True)
class Watched:
    """An instance, the sensor of its runs, what that remembers, and who is told."""

    instance: dg.DagsterInstance
    sensor: dg.SensorDefinition
    chat: Hook
    cursor: str | None = None

    def tick(self) -> str | None:
        """Evaluate the sensor; give its skip reason."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        found = self.sensor.evaluate_tick(context)
        self.cursor = found.cursor
        return found.skip_message

    def fail(self, tags: dict[str, str], *assets: str) -> None:
        """Have Dagster know of a run that failed."""
        selection = frozenset(dg.AssetKey(asset.split("/")) for asset in assets)
        run = create_run_for_test(
            self.instance, job_name="a_job", tags=tags, asset_selection=selection or None
        )
        self.instance.report_run_failed(run)

    def told(self) -> list[tuple[str, str]]:
        return [(body["key"], body["sync_date"]) for body in self.chat.bodies()]


@pytest.fixture
def watched() -> Iterator[Watched]:
    """Give a sensor that has looked once."""
    with hook() as chat, dg.DagsterInstance.ephemeral() as instance:
        alerts = Alerts.model_validate({"webhook": {"url": chat.url}})
        settings = SimpleNamespace(file=SimpleNamespace(alerts=alerts))
        [of_runs, _] = alert_sensors(cast(Settings, settings))
        found = Watched(instance, of_runs, chat)
        found.tick()
        yield found


def test_a_run_that_dagster_starts_again_is_not_over(watched: Watched) -> None:
    """Only the last of its attempts is told of."""
    watched.fail({**OURS, "dagster/will_retry": "true"})
    watched.tick()
    assert [] == watched.told()
    watched.fail(OURS)
    watched.tick()
    assert [("run_failed/people/incremental", DAY)] == watched.told()


def test_a_run_that_the_page_started_is_told_of(watched: Watched) -> None:
    """It has no tags of ours: its assets say whose it is; a run of others is nobody's."""
    tags = {"dagster/partition": DAY}
    watched.fail(tags, "theirs/a", "others/b")
    watched.fail(tags, "people/mapped", "people/sync")
    watched.tick()
    assert [("run_failed/people/incremental", DAY)] == watched.told()


@pytest.mark.parametrize(
    "tags", [{"tajo/path": "backfill"}, {"dagster/backfill": "abcdefgh"}], ids=["job", "assets"]
)
def test_a_backfills_failure_is_its_own(watched: Watched, tags: dict[str, str]) -> None:
    """However the backfill was started, the next incremental run does not end its alert."""
    watched.fail({**OURS, **tags})
    watched.tick()
    assert [("run_failed/people/backfill", DAY)] == watched.told()


def test_what_happened_before_the_first_look_is_not_told() -> None:
    """Who switches alerts on is not told of last year."""
    with hook() as chat, dg.DagsterInstance.ephemeral() as instance:
        alerts = Alerts.model_validate({"webhook": {"url": chat.url}})
        settings = SimpleNamespace(file=SimpleNamespace(alerts=alerts))
        [of_runs, _] = alert_sensors(cast(Settings, settings))
        watched = Watched(instance, of_runs, chat)
        watched.fail(OURS)
        watched.tick()
        watched.tick()
    assert [] == watched.told()


def test_each_run_is_read_once(watched: Watched) -> None:
    """A tick after which nothing ended has nothing to policy."""
    watched.fail(OURS)
    assert ["1 messages sent for 1 events", "0 messages sent for 0 events"] == [
        watched.tick() for _ in range(2)
    ]


@pytest.mark.parametrize(("hours", "sent"), [(23, 1), (25, 0)])
def test_a_message_waits_for_a_day(watched: Watched, hours: int, sent: int) -> None:
    """A receiver that is back after a week is not flooded with what is long over."""
    at = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
    waiting = Waiting("webhook", replace(ALERT, at=at))
    remembered = json.loads(watched.cursor or "")
    watched.cursor = json.dumps({**remembered, "waiting": [waiting.as_json()]})
    watched.tick()
    assert sent == len(watched.told())


# Receivers.


@dataclass(slots=True)
class Receiver:
    """Takes what it is sent, after so many refusals."""

    refusals: int
    taken: list[str]

    def send(self, alert: Alert) -> str:
        if self.refusals:
            self.refusals -= 1
            raise VendorOutageError("TAJO-841", "not taken", "Look.")
        self.taken.append(alert.code)
        return "taken"


def test_a_receiver_gets_its_messages_in_their_order() -> None:
    """After one that it did not take the later ones wait too; those of a receiver gone do not."""
    late, quick = Receiver(1, []), Receiver(0, [])
    alerts = [replace(ALERT, code=code) for code in ("TAJO-1", "TAJO-2")]
    names = ("late", "quick", "gone")
    waiting = [Waiting(name, alert) for alert in alerts for name in names]
    left, failed = deliver({"late": late, "quick": quick}, waiting)
    assert [("late", "TAJO-1", 1), ("late", "TAJO-2", 0)] == [
        (one.receiver, one.alert.code, one.tries) for one in left
    ]
    assert (["TAJO-841"], [], ["TAJO-1", "TAJO-2"]) == (
        [error.code for error in failed],
        late.taken,
        quick.taken,
    )
    assert ([], []) == deliver({"late": late}, left)
    assert ["TAJO-1", "TAJO-2"] == late.taken


def test_a_chat_takes_every_alert() -> None:
    """A section of Slack has at most 3000 characters, and no value mentions a channel."""
    long = replace(ALERT, happened="<!channel> & " + "x" * 5000)
    body: dict[str, Any] = messages.slack(long)
    sections = [block["text"]["text"] for block in body["blocks"]]
    assert [True, True] == [len(text) <= 3000 for text in sections]
    assert "&lt;!channel&gt; &amp; x" in sections[1]
