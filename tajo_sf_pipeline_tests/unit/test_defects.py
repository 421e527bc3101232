"""The defects that are planted on purpose: the list stays in step with source and tests."""

import re

import pytest

from tajo_sf_pipeline_tests.defects.__main__ import verdict, with_defect
from tajo_sf_pipeline_tests.defects.collection import DEFECTS, REPOSITORY
from tajo_sf_pipeline_tests.defects.defect import Defect

_named = pytest.mark.parametrize("defect", DEFECTS, ids=[one.what for one in DEFECTS])
ENOUGH = 60


@_named
def test_a_defect_has_one_place_to_be_planted(defect: Defect) -> None:
    """What a defect changes stands exactly once in its file, and the change is one."""
    text = (REPOSITORY / defect.file).read_text(encoding="utf-8")

    assert (1, True) == (text.count(defect.before), defect.before != defect.after)


@_named
def test_the_tests_that_find_a_defect_exist(defect: Defect) -> None:
    """Each test that a defect names stands under that name in that file."""
    assert defect.found_by
    assert [] == [node for node in defect.found_by if not _exists(node)]


def test_there_are_enough_defects_and_none_is_listed_twice() -> None:
    """The list has at least sixty defects, each with a description of its own."""
    said = {one.what for one in DEFECTS}

    assert (len(DEFECTS), True) == (len(said), len(DEFECTS) >= ENOUGH)


@pytest.mark.parametrize(
    ("code", "printed", "told"),
    [
        (0, "3 passed", "SURVIVED"),
        (
            1,
            "F.\nFAILED a/test_b.py::test_c[x y] - assert 1\n",
            "found by a/test_b.py::test_c[x y]",
        ),
        (1, "ERROR a/test_b.py::test_c - no such fixture\n", "found by a/test_b.py::test_c"),
        (1, "", "found by a test that hangs for 300 s"),
        (4, "no such test", "ERROR: pytest ended with 4: no such test"),
        (-9, "", "ERROR: pytest ended with -9: "),
    ],
)
def test_only_a_test_that_ran_and_failed_has_found_a_defect(
    code: int, printed: str, told: str
) -> None:
    """Where pytest could not even begin, nothing is known: that counts as not found."""
    assert told == verdict(code, printed)


@pytest.mark.parametrize("text", ["", "a = 1\na = 1\n"])
def test_a_defect_is_planted_in_one_place_or_not_at_all(text: str) -> None:
    """A list that does not fit its source any more ends the command."""
    defect = Defect("it is wrong", "a.py", "a = 1", "a = 2", ("test_a.py::test_a",))
    assert "b\na = 2\n" == with_defect("b\na = 1\n", defect)
    with pytest.raises(SystemExit, match="times 'a = 1'"):
        with_defect(text, defect)


def _exists(node: str) -> bool:
    file, _, name = node.partition("::")
    path = REPOSITORY / file
    function = re.escape(name.partition("[")[0].rpartition("::")[2])
    return path.is_file() and bool(
        re.search(rf"^ *def {function}\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    )
