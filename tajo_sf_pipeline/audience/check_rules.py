"""The checks by name: what each promises, and what stops when it does not hold."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from tajo_sf_pipeline.config.yaml_document import Model, near_name

Severity = Literal["warn", "error"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A check; what is `fixed` holds of every run, so an audience cannot soften it."""

    name: str
    description: str
    severity: Severity = "error"
    blocking: bool = True
    fixed: bool = False


ON_MAPPED = (
    Rule(
        "columns_covered",
        "The query returns every column that the mapping wants, in a type that Brevo has. If not, "
        "select or rename it in the SQL, or take it out of the field mapping.",
        fixed=True,
    ),
    Rule(
        "rows_accounted_for",
        "Every extracted row is mapped or rejected (S01). If not, run the partition again "
        "from `extract`.",
        fixed=True,
    ),
    Rule(
        "keys_unique",
        "Every mapped row has a key, and no two have the same. If not, run the partition again "
        "from `extract`.",
        fixed=True,
    ),
    Rule(
        "schema_stable",
        "The mapped columns are there, and of the type that they had when the audience was last "
        "synced. If one was changed on purpose, say `checks: {schema_stable: {severity: warn}}` "
        "for one run: its columns are the known ones then.",
    ),
    Rule(
        "rejects_under_guard",
        "No more rows are rejected than `guards.max_rejected` allows. Correct the values in the "
        "source; the table of rejects names columns and reasons.",
    ),
    Rule(
        "volume_in_band",
        "The extract is about as large as the last ones: within `guards.volume` of their mean. "
        "Without that guard, half as much or twice as little warns, and a query that binds "
        "`:last_sync` is not judged. Look whether the source is complete.",
    ),
    Rule(
        "attributes_fit",
        "Brevo has every attribute that would be written, in a type that takes the values (S16). "
        "Create or correct it under Contacts > Settings, or change the field mapping. Not asked "
        "where nothing would be sent.",
        fixed=True,
    ),
    Rule(
        "choices_known",
        "The category and multiple-choice attributes have every value that would be written; "
        "Brevo ignores others. Add the options in Brevo, or map the values in the SQL.",
    ),
    Rule(
        "personal_data_marked",
        "E-mail addresses and phone numbers go only to attributes that are named for them, or "
        "that the field mapping marks `personal: true`. Mark the field, hash it, or leave it out.",
    ),
)
ON_SYNC = (
    Rule(
        "conservation",
        "extracted = rejected + stale + unchanged + skipped_by_mode + planned, planned = "
        "confirmed + failed + pending, and the ledger agrees (S01, S02). If not, report a defect.",
        blocking=False,
        fixed=True,
    ),
    Rule(
        "everything_confirmed",
        "Brevo accepted every row that was sent. Those that it refused are dead letters with its "
        "reason; correct them in the source and run again.",
        severity="warn",
        blocking=False,
    ),
    Rule(
        "refusals_under_guard",
        "Brevo refused no larger part of what was sent than `guards.max_rejected` allows. Its "
        "reasons stand at the partition; correct them in the source and run again.",
        blocking=False,
    ),
)
RULES = {rule.name: rule for rule in (*ON_MAPPED, *ON_SYNC)}


class CheckSetting(Model):
    """What an audience changes of a check; only one of severity `error` can block."""

    severity: Severity | None = None
    blocking: bool | None = None

    @model_validator(mode="after")
    def _a_warning_blocks_nothing(self) -> Self:
        if self.severity == "warn" and self.blocking:
            raise ValueError("a check of severity `warn` cannot block")
        return self


def _known_checks_only(settings: dict[str, CheckSetting]) -> dict[str, CheckSetting]:
    for name in settings:
        if name not in RULES:
            raise ValueError(f"there is no check `{name}`; {near_name(name, RULES)}")
        if RULES[name].fixed:
            raise ValueError(f"`{name}` holds of every run and cannot be softened")
    return settings


Checks = Annotated[dict[str, CheckSetting], AfterValidator(_known_checks_only)]


def applied(rule: Rule, settings: Mapping[str, CheckSetting]) -> Rule:
    """Return a check as an audience wants it."""
    setting = settings.get(rule.name)
    if setting is None:
        return rule
    severity = setting.severity or rule.severity
    blocking = rule.blocking if setting.blocking is None else setting.blocking
    return replace(rule, severity=severity, blocking=blocking and severity == "error")
