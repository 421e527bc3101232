"""Alerts over the wire: what a chat, a letter and a program really receive."""

import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tajo_sf_pipeline.alerts.rules import Alert
from tajo_sf_pipeline.alerts.senders import Waiting, deliver, senders
from tajo_sf_pipeline.config.alerting import Alerts
from tajo_sf_pipeline.errors import VendorOutageError
from tajo_sf_pipeline_tests.receivers import Hook, Mailbox, hook, mailbox
from tajo_sf_pipeline_tests.workspaces import Workspace

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


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Make a certificate of this machine that nobody has signed, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(made.public_bytes(pem) + private)
    return file


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
    (to, first), (_, second) = post.dead_letters
    assert ["crm@shop.example", "ops@shop.example"] == to
    assert "Alert: A run failed (vip)" == first["Subject"]
    assert "Resolved: A run failed (vip)" == second["Subject"]
    assert first["References"] == second["References"]
    text = first.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert "Next step: Run the date again later." in text.decode()


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # the server's
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_letter_goes_over_tls_after_a_login(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    """Password and letter are sent to a server whose certificate verifies, and to no other."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    # The server calls a session encrypted only after STARTTLS.
    of = {"starttls": {"tls_context": context}, "tls": {"ssl_context": context}}
    tls = {**of[security], "auth_require_tls": security == "starttls"}

    def knows(
        _server: object, _session: object, _envelope: object, _mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        good = (data.login, data.password) == (b"tajo", b"s3cret")
        return AuthResult(success=good, handled=False)  # the library answers

    with mailbox(**tls, authenticator=knows, auth_required=True) as post:
        login = {"user": "tajo", "password": "s3cret", "security": security}
        alerts = {"email": {**letters_to(post), **login}}
        assert ["email"] == [waiting.receiver for waiting in send(alerts, ALERT)]
        assert [] == post.dead_letters
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert [] == send(alerts, ALERT)
        assert 1 == len(post.dead_letters)
        wrong = {"email": {**letters_to(post), **login, "password": "wrong"}}
        assert ["email"] == [waiting.receiver for waiting in send(wrong, ALERT)]


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
    assert 2 == len(post.dead_letters)
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
    [dead_letters] = senders(Alerts.model_validate({"email": closed})).values()
    with pytest.raises(VendorOutageError, match="TAJO-842"):
        dead_letters.send(ALERT)


def test_the_command_tells_what_each_receiver_answered(
    workspace: Workspace, chat: Hook, post: Mailbox
) -> None:
    """One message to each; 5 if one did not take it, and 2 where there is none."""
    assert 2 == workspace.tajo("alerts", "test").code
    workspace.write(
        alerts={"slack": chat.url, "webhook": {"url": chat.url}, "email": letters_to(post)}
    )
    ran = workspace.tajo("alerts", "test")
    taken = "taken for crm@shop.example, ops@shop.example"
    told = ["ok   slack: HTTP 200", "ok   webhook: HTTP 200", f"ok   email: {taken}"]
    assert (0, told) == (ran.code, ran.out.splitlines())
    assert [True, True] == ["TAJO-846" in body["text"] for body in chat.bodies()]
    assert "Alert: This is a test, nothing is wrong" == post.dead_letters[0][1]["Subject"]
    chat.status = 503
    ran = workspace.tajo("alerts", "test", "--json")
    assert (5, False) == (ran.code, ran.json()["ok"])
    assert [("slack", "TAJO-841"), ("webhook", "TAJO-841"), ("email", None)] == [
        (one["check"], one.get("error", {}).get("code")) for one in ran.json()["findings"]
    ]
