"""What may be said of an audience: each of its options, once."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Literal, Self

import pydantic
from pydantic import model_validator

from tajo_sf_pipeline.audience.check_rules import Checks
from tajo_sf_pipeline.audience.destination import (
    KINDS,
    ColumnName,
    ContactsDestination,
    Destination,
    Guards,
    Key,
    kind_of,
)
from tajo_sf_pipeline.audience.field_mapping import FieldMapping
from tajo_sf_pipeline.audience.freshness import Freshness
from tajo_sf_pipeline.config.duration import Duration
from tajo_sf_pipeline.config.settings import Cron, Owner
from tajo_sf_pipeline.config.yaml_document import Model

Mode = Literal["upsert", "insert", "update", "mirror", "append"]
OnLeave = Literal["remove_from_list", "clear_attributes", "blocklist", "delete"]
Verify = Literal["sample", "all", "off"]
OnUncertain = Literal["resend", "hold"]


class Consent(Model):
    """What a mapped consent may do (S09).

    `resubscribe` lets a yes take a contact from the blocklist. `unknown` is what becomes of a new
    contact whose consent is null. `at` names the column with the moment at which consent was
    given; where it stands, that moment is held against Brevo's opt-out.
    """

    resubscribe: bool = False
    unknown: Literal["blocklist", "reject", "subscribe"] = "blocklist"
    at: ColumnName | None = None


class Specification(Model):
    """``sql/<name>.yaml``; a query of tajo.yaml has the defaults of all."""

    other_spellings: ClassVar[Mapping[str, str]] = {"attribute_mapping": "field_mapping"}

    description: str = ""
    enabled: bool = True
    mode: Mode = "upsert"
    key: Key = "email"
    cursor: ColumnName | None = None
    lookback: Duration = timedelta(hours=1)
    field_mapping: FieldMapping | None = None
    destination: Destination = ContactsDestination()
    nulls: Literal["skip", "clear"] = "skip"
    consent: Consent = Consent()
    phone_region: str | None = pydantic.Field(default=None, pattern="^[A-Z]{2}$")
    shared: bool = False
    on_leave: OnLeave = "remove_from_list"
    allow_empty: bool = False
    guards: Guards = Guards()
    verify: Verify = "sample"
    create_attributes: bool = False
    on_uncertain: OnUncertain = "resend"
    schedule: Cron | None = None
    freshness: Freshness = Freshness()
    catch_up: Duration = timedelta(days=3)
    owners: list[Owner] = []
    checks: Checks = {}

    @model_validator(mode="before")
    @classmethod
    def _events_are_appended(cls, value: Any) -> Any:
        """Take `append` for granted where the destination is an event."""
        appends = isinstance(value, dict) and KINDS[kind_of(value.get("destination"))].appends
        return {"mode": "append", **value} if appends else value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        appends, mirror = self.destination.appends, self.mode == "mirror"
        if (self.mode == "append") != appends:
            raise ValueError("events are sent with `mode: append`, and `append` sends events")
        leaving = self.model_fields_set & {"on_leave", "allow_empty"}
        if leaving and not mirror:
            raise ValueError(f"`{min(leaving)}` is about rows that leave a `mode: mirror`")
        if self.destination.deletes_leavers and mirror and self.on_leave != "delete":
            raise ValueError("objects that leave a mirror are deleted: say `on_leave: delete`")
        if "on_uncertain" in self.model_fields_set and not appends:
            raise ValueError("`on_uncertain` is about events; contacts may be sent twice")
        return self
