"""What an import asks for beside its rows."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Options of one import.

    `update_existing` false leaves an existing contact alone, but still puts it on the lists
    (undocumented); a blacklist flag that is false changes nothing.
    """

    lists: tuple[int, ...]
    update_existing: bool
    clear_empty: bool
    email_blacklist: bool
    sms_blacklist: bool
    declared_reports: Mapping[str, list[str]]  # a fault: e-mails to report whatever they are
    consent_groups: tuple[int, ...] = ()
