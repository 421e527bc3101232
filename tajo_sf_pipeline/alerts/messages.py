"""An alert as a person reads it, in a chat and in an e-mail, and as a machine does."""

from email.message import EmailMessage
from typing import Any

from tajo_sf_pipeline.alerts.rules import Alert

_TITLES = {
    "run_failed": "A run failed",
    "guard_stop": "A guard stopped a run before any write",
    "token_refresh": "Signing in fails again and again",
    "rejection": "Too many rows are refused, run after run",
    "check_failed": "A check failed",
    "cursor_stall": "The source moves, the confirmed cursor does not",
    "late": "An audience is stale",
    "test": "This is a test, nothing is wrong",
}
_MARKS = {"firing": "Alert", "reminder": "Still", "resolved": "Resolved"}
_SLACK_TEXT = 3000  # api.slack.com/reference/block-kit/composition-objects#text


def title(alert: Alert) -> str:
    """Return one line without line breaks."""
    whose = f" ({alert.audience})" if alert.audience else ""
    return f"{_MARKS[alert.status]}: {_TITLES[alert.rule]}{whose}"


def lines(alert: Alert) -> list[str]:
    """Say it in full, a fact a line."""
    facts = [f"{alert.code} [{alert.kind}] {alert.happened}"]
    if alert.audience:
        facts.append(f"Audience: {alert.audience}")
    if alert.sync_date:
        facts.append(f"Sync date: {alert.sync_date}")
    if alert.counts:
        facts.append("Counts: " + ", ".join(f"{n} {v:,}" for n, v in alert.counts.items()))
    if alert.times > 1:
        facts.append(f"Seen {alert.times} times")
    return [*facts, f"Next step: {alert.next_step}", f"Details: {alert.link}"]


def slack(alert: Alert) -> dict[str, Any]:
    """Return the body of an incoming webhook; Mattermost and others take its `text`."""
    head, body = _escaped(title(alert)), _escaped("\n".join(lines(alert)))[:_SLACK_TEXT]
    sections = [f"*{head}*", body]
    return {
        "text": f"{head}\n{body}",
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in sections
        ],
    }


def generic(alert: Alert) -> dict[str, Any]:
    """Return every field, and the sentence that a person would read."""
    return {**alert.as_json(), "title": title(alert), "text": "\n".join(lines(alert))}


def email(alert: Alert, sender: str, to: list[str]) -> EmailMessage:
    """Write an e-mail; those of one alert have one thread."""
    message = EmailMessage()
    message["Subject"] = title(alert)
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["References"] = f"<{alert.key.replace('/', '.')}@tajo>"
    message.set_content("\n".join(lines(alert)) + "\n")
    return message


def _escaped(text: str) -> str:
    # api.slack.com/reference/surfaces/formatting#escaping
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
