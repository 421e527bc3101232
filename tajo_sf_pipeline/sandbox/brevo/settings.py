"""What an account is like: settings that last, and what each of them may be.

Many stand for a question that Brevo's documents leave open (which error code, ignored or refused):
a client has to live with either answer.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.limits import BUCKETS, PLANS

GONE = (404, 410)
TYPES = {"text", "float", "boolean", "date", "category", "multiple-choice"}


class SettingError(ValueError):
    pass


@dataclass(frozen=True, slots=True)
class Settings:
    # Plan and limits.
    plan: str = "general"
    rate_limits: bool = True
    limits: Mapping[str, list[list[float]]] = field(default_factory=dict)  # bucket: [calls, s] each
    rate_headers: str = "always"
    retry_after: bool = False  # whether a 429 carries Retry-After; Brevo's does not
    credits: int = 300  # e-mails that a campaign may still send
    # Features.
    custom_objects: bool = True
    consent_groups: bool = False
    contacts_batch: str | int = 404  # deprecated on 2026-10-30
    # OAuth: one client beside the api key.
    oauth: Mapping[str, Any] | None = None
    token_seconds: int = 3600
    # Row calls.
    duplicate_code: str = "duplicate_parameter"
    duplicate_metadata: bool = True  # whether a duplicate's refusal names the identifiers
    unknown_attribute: str = "ignore"
    wrong_value: str = "refuse_dates"
    # Consent: what takes a blocklisting away without being asked to, and what is known of it.
    email_change_unblocks: list[str] = field(default_factory=lambda: ["email"])  # email, sms
    email_change_overrides: bool = False  # also where the same call says that it is blocklisted
    same_email_unblocks: bool = False  # an address sent as it is counts as changed
    list_change_unblocks: bool = False  # a row call that puts a contact on a list does it too
    records_admin_unsubscriptions: bool = True  # a blocklisting by the API leaves its moment
    records_user_unsubscriptions: bool = True  # one by the contact does
    unsubscribe_moves_modified: bool = True  # whether it moves modifiedAt
    # Values that are taken and then not kept as sent, in row calls and imports.
    ignored_attributes: list[str] = field(default_factory=list)
    swapped_dates: bool = False  # 2026-02-01 is kept as 2026-01-02
    # Imports.
    import_seconds: float = 0.5  # the least time that an import takes
    import_polls: int = 0  # how often a process is shown unfinished, whatever it is
    import_discards: bool = False  # rows are counted as accepted and not stored
    import_needs_list: bool = True
    import_by_ext_id: bool = True  # whether a row may be found by its own id alone
    import_false_flags: str = "keep"  # what emailBlacklist: false does to who is blocklisted
    import_winner: str = "last"  # of rows with one identifier
    import_loser: str = "refuse_row"  # what a row loses whose identifier another one has
    import_ignored_types: list[str] = field(default_factory=list)  # their values are dropped
    # Events.
    unknown_event_contact: str = "accept"
    events_per_batch: int | None = None
    events_batch_bucket: str = "events"

    def as_json(self) -> str:
        return json.dumps(asdict(self))


def _is_number(value: Any) -> bool:
    return type(value) in {int, float} and value >= 0


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _one_of(*allowed: Any) -> Callable[[Any], bool]:
    return lambda value: not isinstance(value, bool) and value in allowed


def _are_limits(value: Any) -> bool:
    return isinstance(value, dict) and all(
        name in BUCKETS and isinstance(windows, list) and windows and all(map(_is_window, windows))
        for name, windows in value.items()
    )


def _is_window(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and type(value[0]) is int
        and _is_number(value[1])
        and value[0] > 0
        and value[1] > 0
    )


def _is_oauth(value: Any) -> bool:
    return value is None or (
        isinstance(value, dict)
        and value.keys() == {"client_id", "client_secret", "scopes"}
        and _are_texts(value["scopes"])
        and _are_texts([value["client_id"], value["client_secret"]])
    )


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "plan": lambda value: isinstance(value, str) and value in PLANS,
    "rate_limits": _is_bool,
    "limits": _are_limits,
    "rate_headers": _one_of("always", "sometimes", "never"),
    "retry_after": _is_bool,
    "credits": lambda value: type(value) is int and value >= 0,
    "custom_objects": _is_bool,
    "consent_groups": _is_bool,
    "contacts_batch": _one_of("works", *GONE),
    "oauth": _is_oauth,
    "token_seconds": lambda value: type(value) is int and value >= 0,
    "duplicate_code": _one_of("duplicate_parameter", "invalid_parameter"),
    "duplicate_metadata": _is_bool,
    "email_change_unblocks": lambda value: _are_texts(value) and set(value) <= {"email", "sms"},
    "email_change_overrides": _is_bool,
    "same_email_unblocks": _is_bool,
    "list_change_unblocks": _is_bool,
    "records_admin_unsubscriptions": _is_bool,
    "records_user_unsubscriptions": _is_bool,
    "unsubscribe_moves_modified": _is_bool,
    "unknown_attribute": _one_of("ignore", "refuse"),
    "wrong_value": _one_of("ignore", "refuse_dates", "refuse"),
    "ignored_attributes": _are_texts,
    "swapped_dates": _is_bool,
    "import_seconds": _is_number,
    "import_polls": lambda value: type(value) is int and value >= 0,
    "import_discards": _is_bool,
    "import_needs_list": _is_bool,
    "import_by_ext_id": _is_bool,
    "import_false_flags": _one_of("keep", "unblock_if_sent", "unblock"),
    "import_winner": _one_of("last", "first"),
    "import_loser": _one_of("refuse_row", "lose_identifier"),
    "import_ignored_types": lambda value: _are_texts(value) and set(value) <= TYPES,
    "unknown_event_contact": _one_of("accept", "refuse"),
    "events_per_batch": lambda value: value is None or (type(value) is int and value > 0),
    "events_batch_bucket": _one_of("events", "others"),
}


def checked(settings: dict[str, Any]) -> dict[str, Any]:
    """Give the settings back; SettingError names the first that does not exist or cannot be so."""
    for name, value in settings.items():
        if name not in _CHECKS:
            raise SettingError(f"unknown setting {name}; there are {', '.join(_CHECKS)}")
        if not _CHECKS[name](value):
            raise SettingError(f"{name} cannot be {value!r}")
    return settings
