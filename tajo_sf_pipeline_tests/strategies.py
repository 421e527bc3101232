"""Generated input: rows as a warehouse may return them, and the ways in which it may cut them."""

from decimal import Decimal
from itertools import pairwise

import pyarrow as pa
from hypothesis import strategies as st

# What JSON must escape, and what it must leave alone although it looks dangerous.
_AWKWARD = "".join(map(chr, range(0x20))) + '"\\/\x7f\u2028\u2029\u200f\u202eאב🌞é'

texts = st.text(max_size=30) | st.text(alphabet=_AWKWARD, max_size=30)
nullable_texts = st.none() | texts

_label = st.text(alphabet="abz09-_.+", min_size=0, max_size=8)
_domain = st.sampled_from(
    [
        "example.com",
        "a.b.co",
        "x-y.fr",
        "-x.fr",
        "x.f",
        "test",
        "mail.test",
        "localhost",
        "a..b",
        "",
    ]
)
# Cheap ASCII that is an e-mail address, nearly one, or none at all; trimmed and in lower case.
addresses = (
    st.builds("{}@{}".format, _label, _domain | _label)
    | st.text(alphabet='ab1@.-_+ "(),', max_size=12)
    | st.sampled_from(["", "a@b", "a@b@example.com", f"{'a' * 64}@example.com", "a@1.2.3.4"])
)


def _joined(by: str, alphabet: str) -> st.SearchStrategy[str]:
    return st.lists(st.text(alphabet, min_size=1, max_size=5), min_size=1, max_size=3).map(by.join)


_tld = st.text("az", min_size=2, max_size=5) | st.sampled_from(["test", "local", "arpa", "onion"])
# The shape that most real ones have.
plain_addresses = st.builds("{}@{}.{}".format, _joined(".", "ab0_+-"), _joined("-", "ab9"), _tld)

# As NUMBER columns hold them, small enough for a double to keep the whole part.
decimals = st.decimals(
    min_value=Decimal(-(2**53) + 1), max_value=Decimal(2**53 - 1), allow_nan=False, places=6
)

moments = st.datetimes(timezones=st.none() | st.timezones())
# What a query may bind, and more.
bindable = (
    st.dates()
    | st.times()
    | moments
    | st.integers(-(10**37), 10**37)
    | st.floats(allow_nan=False)
    | st.booleans()
    | st.text(st.characters(exclude_categories=["Cs"]))
)


def cut(rows: pa.RecordBatch) -> st.SearchStrategy[list[pa.RecordBatch]]:
    """Cut rows into batches at any places; some may be empty."""
    paths = st.lists(st.integers(0, rows.num_rows), max_size=4).map(sorted)
    return paths.map(
        lambda cuts: [
            rows.slice(start, end - start) for start, end in pairwise([0, *cuts, rows.num_rows])
        ]
    )
