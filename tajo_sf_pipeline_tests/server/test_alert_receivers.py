"""Alerts over the wire: what a chat, a letter and a program really receive."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tajo_sf_pipeline.alerts.configuration import Alerts
from tajo_sf_pipeline.alerts.rules import Alert
from tajo_sf_pipeline.alerts.senders import Waiting, deliver, senders
from tajo_sf_pipeline.errors import VendorOutageError
from tajo_sf_pipeline_tests.receivers import Hook, Mailbox, hook, mailbox

ALERT = Alert(
    key="run_failed/vip/incremental",
    rule="run_failed",
    status="firing",
    audience="vip",
    sync_date="2026-11-20",
    kind="vendor_outage",
    code="TAJO-512",
    happened="Brevo answered <502> for 120 s & more",
    next_step="Run the date again later.",
    link="http://dagster.example/runs/abc",
    times=1,
    at="2026-11-20T06:00:00+00:00",
    counts={"extracted": 1200, "failed": 3},
)


@pytest.fixture
def chat() -> Iterator[Hook]:
    """Run an HTTP receiver."""
    with hook() as received:
        yield received


@pytest.fixture
def post() -> Iterator[Mailbox]:
    """Run a mail server."""
    with mailbox() as received:
        yield received


def letters_to(post: Mailbox) -> dict[str, object]:
    return {
        "host": "127.0.0.1",
        "port": post.port,
        "security": "none",
        "from": "tajo@shop.example",
        "to": ["crm@shop.example", "ops@shop.example"],
    }


def send(alerts: dict[str, object], *sent: Alert) -> list[Waiting]:
    """Hand alerts over to every receiver of a configuration; give what still waits."""
    receivers = senders(Alerts.model_validate(alerts))
    left, _ = deliver(receivers, [Waiting(name, one) for one in sent for name in receivers])
    return left


def test_a_slack_compatible_webhook_gets_text_and_blocks(chat: Hook) -> None:
    """Kind, code, audience, counts, next step and link stand in it, escaped as Slack wants it."""
    assert [] == send({"slack": chat.url}, ALERT)
    [body] = chat.bodies()
    text = body["text"]
    assert text.startswith("Alert: A run failed (vip)\n")
    assert "TAJO-512 [vendor_outage] Brevo answered &lt;502&gt; for 120 s &amp; more" in text
    assert "Counts: extracted 1,200, failed 3" in text
    assert "Next step: Run the date again later." in text
    assert text.endswith("Details: http://dagster.example/runs/abc")
    assert ["mrkdwn", "mrkdwn"] == [block["text"]["type"] for block in body["blocks"]]


def test_a_generic_webhook_gets_every_field(chat: Hook) -> None:
    """A program reads the fields, with a key that stays the same; its own headers are sent."""
    configured = {"webhook": {"url": chat.url, "headers": {"X-Token": "t0ken"}}}
    assert [] == send(configured, ALERT, replace(ALERT, status="resolved"))
    first, second = chat.bodies()
    assert ("firing", "resolved") == (first["status"], second["status"])
    assert {ALERT.key} == {first["key"], second["key"]}
    assert ALERT.as_json() == {name: first[name] for name in ALERT.as_json()}
    assert {"t0ken"} == {headers["X-Token"] for _, headers, _ in chat.posted}


def test_a_letter_goes_to_everybody_who_is_named(post: Mailbox) -> None:
    """Subject and text say what happened; those of one alert are one thread."""
    assert [] == send({"email": letters_to(post)}, ALERT, replace(ALERT, status="resolved"))
    (to, first), (_, second) = post.letters
    assert ["crm@shop.example", "ops@shop.example"] == to
    assert "Alert: A run failed (vip)" == first["Subject"]
    assert "Resolved: A run failed (vip)" == second["Subject"]
    assert first["References"] == second["References"]
    text = first.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert "Next step: Run the date again later." in text.decode()


def test_what_a_receiver_does_not_take_waits_and_the_others_get_theirs(
    chat: Hook, post: Mailbox
) -> None:
    """One that answers with an error keeps its messages, in their order, until it is well."""
    chat.status = 503
    alerts = Alerts.model_validate({"slack": chat.url, "email": letters_to(post)})
    second = replace(ALERT, key="late/vip", rule="late")
    receivers = senders(alerts)
    waiting = [Waiting(name, one) for one in (ALERT, second) for name in receivers]
    left, [error] = deliver(receivers, waiting)
    assert [("slack", ALERT.key, 1), ("slack", "late/vip", 0)] == [
        (one.receiver, one.alert.key, one.tries) for one in left
    ]
    assert 2 == len(post.letters)
    assert ("TAJO-841", True) == (error.code, "HTTP 503" in str(error))
    chat.status = 200
    assert ([], []) == deliver(receivers, [Waiting.from_json(one.as_json()) for one in left])
    assert [True, True] == [
        word in body["text"]
        for word, body in zip(("run failed", "stale"), chat.bodies(), strict=True)
    ]


def test_nobody_there_is_told_without_the_secret() -> None:
    """A webhook's path is its password: an error shows the host alone (S14)."""
    with hook() as gone:
        url = gone.url
    [sender] = senders(Alerts.model_validate({"slack": url})).values()
    with pytest.raises(VendorOutageError, match="TAJO-841") as raised:
        sender.send(ALERT)
    assert "secret-path" not in str(raised.value)
    with mailbox() as box:
        closed = letters_to(box)
    [letters] = senders(Alerts.model_validate({"email": closed})).values()
    with pytest.raises(VendorOutageError, match="TAJO-842"):
        letters.send(ALERT)
