"""A plan's rows cut into import bodies."""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo_sf_pipeline.brevo import imports, limits
from tajo_sf_pipeline_tests.strategies import cut, texts

MAX_BODY = 400
SMALL = st.builds(
    lambda n, text: {"email": f"{n}@example.com", "attributes": {"T": text}},
    st.integers(0, 99),
    texts,
)
LARGE = st.builds(lambda size: {"email": "x" * size}, st.integers(200, 500))
CONTACTS: st.SearchStrategy[list[dict[str, Any]]] = st.lists(SMALL | LARGE, max_size=15)


@pytest.fixture(scope="module", autouse=True)
def _small_bodies() -> Iterator[None]:
    """Cut at a size that a test can fill."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "IMPORT_BYTES", MAX_BODY)
        yield


def _rows(contacts: list[dict[str, Any]]) -> pa.RecordBatch:
    payloads = [json.dumps(contact, ensure_ascii=False) for contact in contacts]
    keys = [f"{n}" for n in range(len(payloads))]
    return pa.record_batch(
        {"_key": pa.array(keys, pa.string()), "_payload": pa.array(payloads, pa.string())}
    )


def _bodies(batches: list[pa.RecordBatch]) -> list[tuple[pa.Table, bytes]]:
    return list(imports.bodies(batches, [42], clear=False))


@given(st.data())
def test_s01_every_row_is_sent_once_and_in_order(data: st.DataObject) -> None:
    """All bodies together have all contacts, and each body stands beside its rows."""
    contacts = data.draw(CONTACTS)
    found = _bodies(data.draw(cut(_rows(contacts))))
    sent = [json.loads(body)["jsonBody"] for _, body in found]
    assert contacts == list(chain.from_iterable(sent))
    assert sent == [
        [json.loads(text) for text in rows["_payload"].to_pylist()] for rows, _ in found
    ]


@given(st.data())
def test_bodies_are_as_large_as_brevo_takes(data: st.DataObject) -> None:
    """No body is too large but that of one row; none would have had room for the next row."""
    found = _bodies(data.draw(cut(_rows(data.draw(CONTACTS)))))
    assert [] == [body for rows, body in found if len(body) > MAX_BODY and rows.num_rows > 1]
    firsts = [rows["_payload"][0].as_py().encode() for rows, _ in found]
    with_next = [
        len(body) + len(b"," + first)
        for (_, body), first in zip(found[:-1], firsts[1:], strict=True)
    ]
    assert [] == [size for size in with_next if size <= MAX_BODY]


@given(st.data())
def test_s15_the_same_rows_give_the_same_bytes(data: st.DataObject) -> None:
    """Neither a second time nor other batches change what is sent."""
    rows = _rows(data.draw(CONTACTS))
    expected = [body for _, body in _bodies([rows])]
    assert expected == [body for _, body in _bodies([rows])]
    assert expected == [body for _, body in _bodies(data.draw(cut(rows)))]


@pytest.mark.parametrize("clear", [False, True], ids=["skip", "clear"])
def test_s10_body_says_what_to_do_with_nulls(clear: bool) -> None:
    """A body names its list, updates contacts that exist, and clears only where asked."""
    [(_, body)] = imports.bodies([_rows([{"email": "a@example.com"}])], [42], clear=clear)
    assert {
        "jsonBody": [{"email": "a@example.com"}],
        "listIds": [42],
        "updateExistingContacts": True,
        "emptyContactsAttributes": clear,
        "disableNotification": True,
    } == json.loads(body)


def test_s09_a_body_blocklists_only_where_asked() -> None:
    """The flag is for a whole body, never false, and stands beside who is to be told of the end."""
    rows = [_rows([{"email": "a@example.com"}])]
    [(_, body)] = imports.bodies(
        rows, [42, 7], clear=False, email_blacklist=True, notify_url="https://example.com/done"
    )
    sent = json.loads(body)
    assert (True, "https://example.com/done") == (sent["emailBlacklist"], sent["notifyUrl"])
    assert [42, 7] == sent["listIds"]


def test_a_row_that_is_too_large_goes_alone() -> None:
    """Its neighbours are not refused with it."""
    contacts = [{"email": "a"}, {"email": "x" * MAX_BODY}, {"email": "b"}]
    assert [1, 1, 1] == [rows.num_rows for rows, _ in _bodies([_rows(contacts)])]


def test_a_body_may_be_exactly_as_large_as_allowed() -> None:
    """The limit itself still fits; one byte more does not."""

    def largest(email: int) -> int:
        return len(_bodies([_rows([{"email": "x" * email}])])[0][1])

    room = MAX_BODY - largest(0)
    pair = [{"email": ""}, {"email": ""}]
    comma_and_row = len(_bodies([_rows(pair)])[0][1]) - largest(0)
    fits = [{"email": "x" * (room - comma_and_row)}, {"email": ""}]
    over = [{"email": "x" * (room - comma_and_row + 1)}, {"email": ""}]
    assert [2] == [rows.num_rows for rows, _ in _bodies([_rows(fits)])]
    assert [1, 1] == [rows.num_rows for rows, _ in _bodies([_rows(over)])]


def test_no_rows_no_body() -> None:
    """Nothing to send is no request."""
    assert [] == _bodies([_rows([])])
