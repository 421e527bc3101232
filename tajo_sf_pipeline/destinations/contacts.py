"""Contacts: attributes, lists, flags; one by one, by import, or off a list by the hundred."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import pyarrow as pa

from tajo_sf_pipeline.audience.destination import ContactsDestination
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.audience.written_column import WrittenColumn
from tajo_sf_pipeline.brevo import attributes, imports, limits, lists, verify
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.brevo.verify import Difference
from tajo_sf_pipeline.destinations import list_removals, lookup, preflight, single_calls
from tajo_sf_pipeline.destinations.background import Background
from tajo_sf_pipeline.destinations.base import Connect, Sender, Writer
from tajo_sf_pipeline.destinations.campaign import make_campaign
from tajo_sf_pipeline.destinations.delivery import Delivery
from tajo_sf_pipeline.destinations.preflight import Preflight
from tajo_sf_pipeline.planning.consent import OptOut
from tajo_sf_pipeline.planning.plan import Part, Plan, Route

SINGLE = Route("single", rows=1)
IMPORT = Route("import", bytes=limits.IMPORT_BYTES, polled=True)
LIST_REMOVE = Route("list_remove", rows=limits.LIST_CONTACTS)
# Up to here single calls are done within ten seconds at the smallest plan's ten a second; above,
# one import and its polls cost less of the account's budget.
FEW = 100
# What an import can blocklist: the addresses, the numbers, or both, of all its contacts.
BLOCKLISTS = ("blocklist", "blocklist_sms", "blocklist_all")
_FEW_OF_A_KIND = f"at most {FEW} of a kind cost less one by one than by import"


class ContactsWriter(Writer):
    """Contacts and their lists, which other people write too."""

    def leaving(self, columns: Iterable[WrittenColumn]) -> str | None:
        match self.audience.on_leave:
            case "clear_attributes":
                return json.dumps({column.attribute: "" for column in columns})
            case "blocklist":
                return "{}"
        return None

    def route(self, category: str, list_name: str | None, rows: int) -> tuple[Route, str]:
        match _change(self.audience, category):
            case "remove_from_list" if self.audience.key != "sms":
                return LIST_REMOVE, f"lists take {LIST_REMOVE.rows} contacts off at a time"
            case "remove_from_list" | "delete":
                return SINGLE, "what leaves needs a call of its own"
            case "flags":
                return SINGLE, "an import has no flags for a single contact"
        if rows <= FEW:
            return SINGLE, _FEW_OF_A_KIND
        if self.audience.destination.list_from is not None and list_name is None:
            return SINGLE, "an import needs a list"
        if self.audience.key == "ext_id":
            # developers.brevo.com/reference/importcontacts names email alone.
            return SINGLE, "an import does not promise to find a contact by its ext_id"
        return IMPORT, {
            **dict.fromkeys(BLOCKLISTS, "many; blocklisted ones travel in imports of their own"),
            "move": "many; they leave their old list when the import has ended",
        }.get(category, "many")

    def existing(self, connect: Connect, keys: pa.Array) -> pa.Array:
        return lookup.existing(connect(), keys, self.audience.key)

    def opt_outs(self, connect: Connect, keys: Sequence[str]) -> Mapping[str, OptOut]:
        return lookup.opt_outs(connect(), keys, self.audience.key)

    def preflight(self, connect: Connect, columns: Iterable[WrittenColumn]) -> Preflight | None:
        written = list(columns)
        if not written:
            return None
        return preflight.compare(connect(), written, create=self.audience.create_attributes)

    def prepare(
        self, client: Client, columns: Iterable[WrittenColumn], plan: Plan
    ) -> Mapping[str | None, int]:
        if self.audience.create_attributes:
            attributes.create_missing(client, columns)
        else:
            attributes.check(client, columns)
        to = self.audience.destination
        assert isinstance(to, ContactsDestination)
        if to.list_from is None:
            return {None: lists.list_id(client, to)}
        names = [part.list for part in plan.parts if part.list is not None]
        return dict(lists.ids_of(client, to.folder, names).items())

    def begin(self, delivery: Delivery) -> None:
        """Remember whom others put on a list before the audience first writes to it (S08)."""
        if self.audience.mode != "mirror":
            return
        for number in sorted(delivery.list_ids.values()):
            if not delivery.ledger.has_snapshot(number):
                members = lists.members(delivery.client, number, delivery.key)
                delivery.ledger.snapshot_members(number, members)

    def sender(self, delivery: Delivery) -> Sender:
        return _ContactsSender(delivery)

    def differences(
        self, client: Client, rows: pa.Table, since: datetime
    ) -> Iterable[Difference] | None:
        return verify.differences(client, rows, self.audience.key, since=since)

    def complete(self, delivery: Delivery, lane: Lane) -> None:
        make_campaign(delivery, path=lane)


def _change(audience: Audience, category: str) -> str:
    """Return what befalls the rows of a category: those that leave, as `on_leave` says."""
    return audience.on_leave if category == "leave" else category


class _ContactsSender:
    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._imports = Background(delivery, self._bodies, self._start)

    def send(self, part: Part) -> None:
        if part.route == SINGLE:
            single_calls.send(self._delivery, part)
        elif part.route == LIST_REMOVE:
            list_removals.send(self._delivery, part)
        else:
            self._imports.send(part)

    def finish(self) -> None:
        self._imports.finish()

    def _bodies(
        self, part: Part, rows: Iterator[pa.RecordBatch]
    ) -> Iterator[tuple[pa.Table, bytes]]:
        delivery = self._delivery
        change, joins = _change(delivery.audience, part.category), delivery.list_of(part)
        return imports.bodies(
            rows,
            # An import needs a list: leavers name the one that they are taken off at its end.
            delivery.own_list if joins is None else (joins,),
            clear=delivery.audience.clears or change == "clear_attributes",
            email_blacklist=change == "blocklist"
            or part.category in {"blocklist", "blocklist_all"},
            sms_blacklist=part.category in {"blocklist_sms", "blocklist_all"},
            notify_url=delivery.notify_url,
        )

    def _start(self, _part: Part, _rows: pa.Table, body: bytes) -> int:
        return imports.start(self._delivery.client, body)
