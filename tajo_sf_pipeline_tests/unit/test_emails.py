"""E-mail addresses, against email-validator itself."""

from collections.abc import Sequence

import pyarrow as pa
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from tajo_sf_pipeline.mapping.normalisers.emails import email
from tajo_sf_pipeline_tests.strategies import addresses, plain_addresses


def _valid(given: Sequence[str | None]) -> list[bool]:
    return [value is not None for value in email(pa.array(given, pa.string())).values.to_pylist()]


def _is_address(text: str) -> bool:
    try:
        validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return False
    return True


@given(st.lists(addresses, max_size=30))
@example([f"a@{'b' * 63}.com", f"a@{'b' * 64}.com", f"a@{'b.' * 125}com", f"{'a' * 255}@b.co"])
@example(["a@mail.test", "a@b.invalid", "a@xn--bcher-kva.example.com", "a@xn--x.com", "a@b.c1"])
def test_valid_is_what_email_validator_says(given: list[str]) -> None:
    """A column is judged as its addresses would be one by one."""
    assert [_is_address(address) for address in given] == _valid(given)


@given(st.lists(plain_addresses, max_size=20))
def test_what_the_short_cut_accepts_is_an_address(given: list[str]) -> None:
    """The regular expression lets nothing through that email-validator would refuse."""
    assert [_is_address(address) for address in given] == _valid(given)


def test_null_and_empty_are_not_addresses() -> None:
    """A missing address is not an address, beside one that is."""
    assert [False, False, True] == _valid([None, "", "a@example.com"])
