"""The fingerprint of every form of a row, for ever: with another one an upgrade would send (S26).

A number below must never change. Where a row shall be sent in another form, add cases beside these,
and see that only rows whose value changed get another number.
"""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from tajo_sf_pipeline.audience.destination import Destination
from tajo_sf_pipeline.audience.field_mapping import Field, FieldMapping, fitted
from tajo_sf_pipeline.audience.specification import Consent
from tajo_sf_pipeline.mapping.mapper import Mapper
from tajo_sf_pipeline_tests.columns import COLUMNS
from tajo_sf_pipeline_tests.mapped_rows import audience

FIELDS = TypeAdapter(FieldMapping)
DESTINATION: TypeAdapter[Destination] = TypeAdapter(Destination)
WINDOW_END = datetime(2026, 3, 2, tzinfo=UTC)
MOMENT = "2026-03-01T23:30:00.123456+00:00"

Value = tuple[str, Any]  # a kind of `COLUMNS`, and what the warehouse returned
Form = tuple[int, dict[str, Any], dict[str, Value]]  # the fingerprint, the audience, a row

JANE: Value = ("text", " Jane@Example.com")
NULL: Value = ("text", None)
MOBILE: Value = ("text", "+33612345678")


def _x(fingerprint: int, value: Any, kind: str = "text", **field: Any) -> Form:
    """Give a contact with an attribute X, which is a field of these options."""
    return _contact(fingerprint, {"x": {"to": "X"} | field}, {"x": (kind, value)})


def _contact(
    fingerprint: int, fields: dict[str, Any], row: dict[str, Value], **settings: Any
) -> Form:
    return fingerprint, {"fields": {"email": "email"} | fields, **settings}, {"email": JANE} | row


def _event(
    fingerprint: int, fields: dict[str, Any], row: dict[str, Value], **settings: Any
) -> Form:
    told = {"fields": {"id": "event_id", "at": "event_date"} | fields}
    to = {"destination": {"event": "order_completed"}}
    own: dict[str, Value] = {"id": ("text", "o-1"), "at": ("moment", MOMENT)}
    return fingerprint, told | to | settings, own | row


def _object(
    fingerprint: int, fields: dict[str, Any], row: dict[str, Value], **settings: Any
) -> Form:
    told = {"fields": {"id": "ext_id"} | fields, "destination": {"object": "car"}}
    return fingerprint, told | settings, {"id": ("text", "c-1")} | row


def _of_every_kind(fingerprint: int, value: Any, **settings: Any) -> Form:
    options: dict[str, dict[str, Any]] = {
        "text": {},
        "number": {},
        "currency": {},
        "boolean": {},
        "date": {},
        "timestamp": {},
        "country": {},
        "language": {},
        "phone": {"region": "FR"},
        "money": {"currency": "EUR"},
        "category": {"options": ["a"]},
        "list": {},
        "json": {},
        "email": {},
    }
    fields = {
        f"as_{kind}": {"to": f"AS_{kind}", "type": kind} | more for kind, more in options.items()
    }
    return _contact(fingerprint, fields, dict.fromkeys(fields, ("text", value)), **settings)


def _with(form: Form, **settings: Any) -> Form:
    fingerprint, told, row = form
    return fingerprint, told | settings, row


def _flag(fingerprint: int, target: str, value: str | None, *, resubscribe: bool = False) -> Form:
    row: dict[str, Value] = {"flag": ("text", value)}
    return _contact(fingerprint, {"flag": target}, row, consent=Consent(resubscribe=resubscribe))


# The kinds of an attribute.
KINDS: dict[str, Form] = {
    "text": _x(7070794969187732707, ' O\'Neil \\ "é"\n'),
    "text of an integer": _x(7708092731774502487, 12, "integer", type="text"),
    "text of a double": _x(2759920470165526302, 12345678901.0, "double", type="text"),
    "text that is cut": _x(11929655672023354166, "sixsix", max_length=5, truncate=True),
    "email": _x(8545290837991499259, " Joe@Bücher.com", type="email"),
    "phone": _x(10932339517116245219, "06 12 34 56 78", type="phone", region="FR"),
    "number of text": _x(2761319129919586481, "1.234,50", format="1.234,56", type="number"),
    "number of an integer": _x(2834813701102589017, 42, "integer"),
    "number of a decimal": _x(1667119419373121697, "603.31", "decimal"),
    "number of a double": _x(5606832205435717856, -0.0, "double"),
    "number with an exponent": _x(10257015986816201651, 1e308, "double"),
    "money": _x(11282662684127719247, "12.5", type="money", currency="EUR"),
    "money in cents": _x(
        11282662684127719247, 1250, "integer", type="money", currency="EUR", minor_units=True
    ),
    "currency": _x(14582797593588892083, " eur", type="currency"),
    "boolean": _x(1204889113555404447, value=False, kind="boolean"),
    "boolean of text": _x(12742360014903538023, "Y", type="boolean"),
    "date": _x(591644866284424152, "2026-03-01", "date"),
    "date of a moment": _with(_x(12222051598024435517, MOMENT, "moment"), timezone="Europe/Paris"),
    "date of text": _x(591644866284424152, "01.03.2026", type="date", format="%d.%m.%Y"),
    "timestamp": _x(7846944636515059232, MOMENT, "moment", type="timestamp"),
    "timestamp of a clock": _x(
        15871088072562245950,
        "2026-03-01T10:00:00",
        "timestamp",
        type="timestamp",
        timezone="Europe/Paris",
    ),
    "country": _x(9267014028076657902, "France", type="country"),
    "country by its name": _x(4950400085129243871, "FR", type="country", format="name"),
    "language": _x(8881185441789414980, "en_us", type="language"),
    "category": _x(10008509221734200794, " gold ", options=["gold", "silver"], type="category"),
    "list": _x(344800713490100437, ["b", 'a"', "b"], "list"),
    "list of text": _x(14626700517290628181, "b; a;", separator=";"),
    "json": _x(13280869428981003627, '{"b": [1, 2.50], "a": null}', type="json"),
    "masked by a hash": _x(5663506515367844243, "Jane", mask="sha256"),
    "masked by redaction": _x(1186695581059039576, "Jane", mask="redact"),
    "default": _x(9040981068355323194, None, default="none"),
    "constant": _contact(11146086832319833539, {"x": {"to": "X", "value": 7}}, {}),
    "expression": _contact(
        5523913985424318025,
        {"x": {"to": "X", "expression": "upper(name)"}},
        {"name": ("text", "jane")},
    ),
    "path": _contact(
        12519285470610415138, {"more.name": "X"}, {"more": ("text", '{"name": "Jane"}')}
    ),
    "none at all": _contact(13291712698072097805, {}, {}),
}
NULLS: dict[str, Form] = {
    "skip": _of_every_kind(13291712698072097805, None),
    "skip, empty text": _of_every_kind(13291712698072097805, " "),
    "clear": _of_every_kind(7545049988383439775, None, nulls="clear"),
    "clear of one field": _x(6524577209094660637, None, nulls="clear"),
    "skip of one field": _with(_x(8083432154218652418, None, nulls="skip"), nulls="clear"),
    "clear without a null": _with(_x(6927543365436037466, "Jane"), nulls="clear"),
}
FLAGS: dict[str, Form] = {
    "consent.email yes": _flag(8162683085313985255, "consent.email", "yes"),
    "consent.email yes, resubscribe": _flag(
        8041776820893082479, "consent.email", "yes", resubscribe=True
    ),
    "consent.email no": _flag(12200547100444944169, "consent.email", "no"),
    "consent.email no, resubscribe": _flag(
        12200547100444944169, "consent.email", "no", resubscribe=True
    ),
    "consent.email null": _flag(8162683085313985255, "consent.email", None),
    "consent.email null, resubscribe": _flag(
        8162683085313985255, "consent.email", None, resubscribe=True
    ),
    "consent.sms yes": _flag(1079605272896605467, "consent.sms", "yes"),
    "consent.sms yes, resubscribe": _flag(
        9416189505102614003, "consent.sms", "yes", resubscribe=True
    ),
    "consent.sms no": _flag(8513060204787558651, "consent.sms", "no"),
    "consent.sms no, resubscribe": _flag(
        8513060204787558651, "consent.sms", "no", resubscribe=True
    ),
    "consent.sms null": _flag(1079605272896605467, "consent.sms", None),
    "consent.sms null, resubscribe": _flag(
        1079605272896605467, "consent.sms", None, resubscribe=True
    ),
    "emailBlacklisted yes": _flag(12200547100444944169, "emailBlacklisted", "yes"),
    "emailBlacklisted yes, resubscribe": _flag(
        12200547100444944169, "emailBlacklisted", "yes", resubscribe=True
    ),
    "emailBlacklisted no": _flag(8162683085313985255, "emailBlacklisted", "no"),
    "emailBlacklisted no, resubscribe": _flag(
        8041776820893082479, "emailBlacklisted", "no", resubscribe=True
    ),
    "emailBlacklisted null": _flag(8162683085313985255, "emailBlacklisted", None),
    "emailBlacklisted null, resubscribe": _flag(
        8162683085313985255, "emailBlacklisted", None, resubscribe=True
    ),
    "smsBlacklisted yes": _flag(8513060204787558651, "smsBlacklisted", "yes"),
    "smsBlacklisted yes, resubscribe": _flag(
        8513060204787558651, "smsBlacklisted", "yes", resubscribe=True
    ),
    "smsBlacklisted no": _flag(1079605272896605467, "smsBlacklisted", "no"),
    "smsBlacklisted no, resubscribe": _flag(
        9416189505102614003, "smsBlacklisted", "no", resubscribe=True
    ),
    "smsBlacklisted null": _flag(1079605272896605467, "smsBlacklisted", None),
    "smsBlacklisted null, resubscribe": _flag(
        1079605272896605467, "smsBlacklisted", None, resubscribe=True
    ),
}
LISTS: dict[str, Form] = {
    "list": _with(_x(12519285470610415138, "Jane"), destination={"list": "VIPs"}),
    "list in a folder": _with(
        _x(5802612152844069164, "Jane"), destination={"list": "VIPs", "folder": "Shop"}
    ),
    "list by its id": _with(_x(4036803529348167397, "Jane"), destination={"list_id": 42}),
    "list by a column": _contact(
        13062681892123194721,
        {},
        {"segment": ("text", " gold")},
        destination={"list_from": "segment"},
    ),
    "list by a column, in a folder": _contact(
        5594284109501717886,
        {},
        {"segment": ("text", "gold")},
        destination={"list_from": "segment", "folder": "Shop"},
    ),
    "list by a column, and a flag": _contact(
        17317946056138525635,
        {"ok": "consent.email", "sms_ok": "consent.sms"},
        {"segment": ("text", "gold"), "ok": ("text", "no"), "sms_ok": NULL},
        destination={"list_from": "segment"},
    ),
}
KEYS: dict[str, Form] = {
    "email": _contact(15191528985429108794, {"id": "ext_id"}, {"id": ("integer", 7)}),
    "email with phones": _contact(
        15875364735982651490,
        {"m": "sms", "w": "whatsapp", "l": "landline_number"},
        dict.fromkeys("mwl", MOBILE),
    ),
    "ext_id": (
        10069126247389306954,
        {"fields": {"id": "ext_id"}, "key": "ext_id"},
        {"id": ("text", "c-1")},
    ),
    "ext_id with an address": _contact(
        1986366908187733102, {"id": "ext_id"}, {"id": ("text", "c-1")}, key="ext_id"
    ),
    "ext_id without an address": _contact(
        10069126247389306954, {"id": "ext_id"}, {"id": ("text", "c-1"), "email": NULL}, key="ext_id"
    ),
    "sms": (10701241322249742457, {"fields": {"m": "sms"}, "key": "sms"}, {"m": MOBILE}),
    "sms with an address": _contact(12510389820589321243, {"m": "sms"}, {"m": MOBILE}, key="sms"),
}
EVENTS: dict[str, Form] = {
    "of an address": _event(3578707015800862348, {"email": "email"}, {"email": JANE}),
    "of an ext_id": _event(4595733175827027977, {"who": "ext_id"}, {"who": ("text", "c-1")}),
    "of a phone": _event(2700934917165716372, {"m": "sms"}, {"m": MOBILE}),
    "of a WhatsApp number": _event(4836083384661660029, {"m": "whatsapp"}, {"m": MOBILE}),
    "of a landline": _event(
        5451342036606685468, {"m": "landline_number"}, {"m": ("text", "+33142685300")}
    ),
    "of an ext_id, its address is null": _event(
        16562878216825903612,
        {"email": "email", "who": "ext_id"},
        {"email": NULL, "who": ("text", "c")},
    ),
    "dated by its cursor": (
        3578707015800862348,
        {
            "fields": {"id": "event_id", "email": "email"},
            "destination": {"event": "order_completed"},
            "cursor": "at",
        },
        {"id": ("text", "o-1"), "email": JANE, "at": ("moment", MOMENT)},
    ),
    "named by a column": _event(
        16020432995603993492,
        {"email": "email"},
        {"email": JANE, "kind": ("text", "order_paid")},
        destination={"event_from": "kind"},
    ),
    "with properties": _event(
        17101096334803768215,
        {
            "email": "email",
            "total": "Total",
            "paid": "paid",
            "day": "day",
            "tags": "tags",
            "lines": {"to": "lines", "type": "json"},
            "hidden": {"to": "hidden", "type": "json", "mask": "sha256"},
        },
        {
            "email": JANE,
            "total": ("decimal", "12.50"),
            "paid": ("boolean", True),
            "day": ("moment", MOMENT),
            "tags": ("list", ["a", "b"]),
            "lines": ("text", '[{"sku": "a", "n": 1}]'),
            "hidden": ("text", "[1]"),
        },
    ),
    "with a property of null": _event(
        3578707015800862348, {"email": "email", "x": "x"}, {"email": JANE, "x": NULL}
    ),
    "with a property that is cleared": _event(
        7566077243648610484, {"email": "email", "x": "x"}, {"email": JANE, "x": NULL}, nulls="clear"
    ),
    "with attributes of its contact": _event(
        18361969587348363568,
        {"email": "email", "city": "contact.city"},
        {"email": JANE, "city": ("text", "Lyon")},
    ),
}
_LINK = {"object": "car", "association": {"object": "garage", "column": "garage"}}
OBJECTS: dict[str, Form] = {
    "alone": _object(2627003840747499682, {}, {}),
    "with attributes": _object(
        3250255532395410671,
        {"colour": "Colour", "price": "price", "sold": "sold", "day": "day"},
        {
            "colour": ("text", " red"),
            "price": ("decimal", "9900.50"),
            "sold": ("boolean", False),
            "day": ("moment", MOMENT),
        },
    ),
    "with an attribute of null": _object(
        2627003840747499682, {"colour": "colour"}, {"colour": NULL}
    ),
    "with an attribute that is cleared": _object(
        11305266926482630755, {"colour": "colour"}, {"colour": NULL}, nulls="clear"
    ),
    "with a link": _object(6100281214022633118, {}, {"garage": ("text", "g-1")}, destination=_LINK),
    "with a link that is null": _object(
        2627003840747499682, {}, {"garage": NULL}, destination=_LINK
    ),
}
FORMS = {
    f"{group}: {name}": form
    for group, forms in {
        "kind": KINDS,
        "nulls": NULLS,
        "flag": FLAGS,
        "list": LISTS,
        "key": KEYS,
        "event": EVENTS,
        "object": OBJECTS,
    }.items()
    for name, form in forms.items()
}


def _fingerprint(settings: dict[str, Any], row: dict[str, Value]) -> int:
    """Map one row, of which nothing may be rejected, and give its fingerprint."""
    destination = DESTINATION.validate_python(settings.get("destination", {"list": "VIPs"}))
    key, cursor = settings.get("key", "email"), settings.get("cursor")
    mapping = FIELDS.validate_python(settings["fields"])
    fields: dict[str, Field] = fitted(mapping, destination, key, dated=cursor is not None)
    own = ("fields", "destination", "timezone")
    more = {name: value for name, value in settings.items() if name not in own}
    made = audience(fields=fields, destination=destination, **more)
    columns = [
        pa.array([None if value is None else COLUMNS[kind][1](value)], COLUMNS[kind][0])
        for kind, value in row.values()
    ]
    batch = pa.record_batch(columns, names=[name.upper() for name in row])
    zone = settings.get("timezone", "UTC")
    mapper = Mapper(made, batch.schema, timezone=zone, window_end=WINDOW_END)
    mapped, rejected, _ = mapper.map(batch, 0)
    assert [] == rejected.to_pylist()
    [fingerprint] = mapped["_fingerprint"].to_pylist()
    return int(fingerprint)


@pytest.mark.parametrize(("expected", "settings", "row"), FORMS.values(), ids=FORMS)
def test_s26_a_fingerprint_is_the_same_for_ever(
    expected: int, settings: dict[str, Any], row: dict[str, Value]
) -> None:
    """A row whose form is as it was is not sent by an upgrade."""
    assert expected == _fingerprint(settings, row)
