"""What is logged and how: text for people, or one JSON object a line with ``TAJO_LOG=json``.

A line has ``time`` (UTC), ``level``, ``logger`` and ``message``, and where they are known ``run``,
``audience``, ``sync_date``, ``step`` and ``code``, and whatever a call gave as ``extra``: query
ids, Brevo's process ids. Secrets and personal data are masked in all of it (S14).
"""

import io
import json
import logging
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from datetime import UTC, datetime
from typing import Any, TextIO

from tajo_sf_pipeline.errors import TajoError
from tajo_sf_pipeline.telemetry.masking import masked

PRODUCT = "tajo_sf_pipeline"
_DAGSTER = "dagster"
_SHORTEST_SECRET = 4  # what is shorter would take letters out of ordinary words
_OWN_SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
    r"|\bxkeysib-[\w-]+|\beyJ[\w-]+\.[\w-]+\.[\w-]+",
    re.DOTALL,
)
_PERSONAL_DATA = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+|(?<![\w.:])\+\d{7,15}\b")
_CODE = re.compile(r"\bTAJO-\d{3}\b")
_STEP = re.compile(r"(?P<audience>\w+?)(?:__\w+|_(?:extract|mapped|sync)_checks)")
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}

Redaction = Callable[[str], str]


def redaction(secrets: Collection[str] = (), *, personal_data: bool = False) -> Redaction:
    """Return what takes secrets out of a text, and masks addresses unless they may be shown."""
    longest_first = sorted(
        (s for s in secrets if len(s) >= _SHORTEST_SECRET), key=len, reverse=True
    )

    def redact(text: str) -> str:
        for secret in longest_first:
            text = text.replace(secret, "***")
        text = _OWN_SECRETS.sub("***", text)
        return text if personal_data else _PERSONAL_DATA.sub(lambda m: masked(m[0]), text)

    return redact


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON; those of a Dagster run with its run, step and sync date."""

    def __init__(self, redact: Redaction) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        in_run: Mapping[str, Any] = getattr(record, "dagster_meta", {})
        message = in_run.get("orig_message") or record.getMessage()
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
            **_of_run(in_run),
            **_of_error(record, in_run),
            **{name: value for name, value in vars(record).items() if _is_extra(name)},
        }
        if "code" not in fields and (code := _CODE.search(json.dumps(fields, default=str))):
            fields["code"] = code[0]
        safe = {name: self._safe(value) for name, value in fields.items() if value is not None}
        return json.dumps(safe, ensure_ascii=False)

    def _safe(self, value: Any) -> Any:
        if isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, (list, tuple)):
            return [self._safe(one) for one in value]
        return self._redact(str(value))


def start(log_format: str, secrets: Collection[str] = (), *, personal_data: bool = False) -> None:
    """Log in this format on standard error from now on; again, with more secrets, at any time.

    In JSON that is also what Dagster's runs write on the console, and the warnings of libraries.
    """
    if log_format != "json":
        return
    stop()
    handler = _StandardError()
    handler.setFormatter(JsonFormatter(redaction(secrets, personal_data=personal_data)))
    handler.addFilter(_is_not_written_elsewhere)
    logging.getLogger().addHandler(handler)
    logging.getLogger(PRODUCT).setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    _ConsoleLogger.formatter = handler.formatter
    logging.setLoggerClass(_ConsoleLogger)


def stop() -> None:
    """Undo `start`."""
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, _StandardError)]:
        root.removeHandler(handler)
        logging.getLogger(PRODUCT).setLevel(logging.NOTSET)
        logging.captureWarnings(capture=False)
        logging.setLoggerClass(logging.Logger)


@contextmanager
def instead_of_text(log_format: str) -> Iterator[None]:
    """While the body runs, what is printed on standard error is logged, where that means JSON."""
    if log_format != "json":
        yield
        return
    start(log_format)
    try:
        with redirect_stderr(_Printed(sys.stderr)):
            yield
    finally:
        stop()


class _Printed(io.TextIOBase):
    """Stands for standard error: one record for each thing that is printed whole."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._text = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._text += text
        if self._text.endswith("\n"):
            message, self._text = self._text.strip(), ""
            level = logging.ERROR if _CODE.search(message) else logging.INFO
            if message:
                logging.getLogger(f"{PRODUCT}.cli").log(level, "%s", message)
        return len(text)


class _StandardError(logging.Handler):
    """Writes to what is standard error at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        out = sys.stderr.stream if isinstance(sys.stderr, _Printed) else sys.stderr
        out.write(self.format(record) + "\n")
        out.flush()


class _ConsoleLogger(logging.Logger):
    """The logger of a Dagster run's console, which knows colours only.

    Dagster makes it in every run that is not told otherwise, a backfill's too, by the process's
    logger class; steps' beginnings and ends (DEBUG) stay in its event log.
    """

    formatter: logging.Formatter | None = None

    def addHandler(self, hdlr: logging.Handler) -> None:  # noqa: N802 - logging's own name
        if self.name == _DAGSTER and self.parent is None:
            hdlr = _StandardError(max(hdlr.level, logging.INFO))
            hdlr.setFormatter(self.formatter)
        super().addHandler(hdlr)


def _is_not_written_elsewhere(record: logging.LogRecord) -> bool:
    """Whether a record has no other handler: in a run Dagster tells the product's, with the run."""
    top = record.name.partition(".")[0]
    return top not in (PRODUCT, _DAGSTER) or not logging.getLogger(top).handlers


def _is_extra(name: str) -> bool:
    return name not in _STANDARD and not name.startswith("dagster_")


def _of_run(in_run: Mapping[str, Any]) -> dict[str, Any]:
    tags, step = in_run.get("job_tags") or {}, in_run.get("step_key")
    match = _STEP.fullmatch(step or "")
    return {
        "run": in_run.get("run_id"),
        "audience": tags.get("tajo/audience") or (match and match["audience"]),
        "sync_date": tags.get("dagster/partition"),
        "step": step,
    }


def _of_error(record: logging.LogRecord, in_run: Mapping[str, Any]) -> dict[str, Any]:
    """Tell an exception's class and message, and for ours its code, kind and next step."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, TajoError):
        fields = error.as_json()
        return {"error": fields.pop("message"), **fields}
    if error is not None:
        return {"error": f"{type(error).__name__}: {error}"}
    data = getattr(in_run.get("dagster_event"), "event_specific_data", None)
    texts = list(_causes(getattr(data, "error", None)))
    ours = [text for text in texts if _CODE.search(text)]
    return {"error": (ours or texts)[-1]} if texts else {}


def _causes(error: Any) -> Iterator[str]:
    """Return the messages of an error as Dagster stores it, the first cause last."""
    while error is not None:
        yield error.message.strip()
        error = error.cause
