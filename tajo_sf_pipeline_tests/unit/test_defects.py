"""The defects that are planted on purpose: the list stays in step with source and tests."""

import re

import pytest

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


def _exists(node: str) -> bool:
    file, _, name = node.partition("::")
    path = REPOSITORY / file
    function = re.escape(name.partition("[")[0].rpartition("::")[2])
    return path.is_file() and bool(
        re.search(rf"^ *def {function}\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    )
