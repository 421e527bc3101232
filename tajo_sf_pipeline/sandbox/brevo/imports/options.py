"""What an import asks for beside its rows."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Options of one import.

    `update_existing` false leaves an existing contact alone, but still puts it on the lists
    (undocumented); a blacklist flag that is None leaves existing contacts as they are.
    """

    lists: tuple[int, ...]
    update_existing: bool
    clear_empty: bool
    email_blacklist: bool | None
    sms_blacklist: bool | None
    declared_reports: Mapping[str, list[str]]  # a fault: e-mails to report whatever they are
    consent_groups: tuple[int, ...] = ()
