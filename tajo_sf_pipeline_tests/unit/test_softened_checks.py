"""Which checks an audience may soften."""

import pytest
from pydantic import TypeAdapter, ValidationError

from tajo_sf_pipeline.audience.check_rules import RULES, Checks

CHECKS = TypeAdapter(Checks)


@pytest.mark.parametrize("name", RULES)
def test_s01_what_holds_of_every_run_cannot_be_softened(name: str) -> None:
    """Nobody switches off the checks that no row is lost; the others are the audience's."""
    try:
        CHECKS.validate_python({name: {"severity": "warn"}})
        softened = True
    except ValidationError:
        softened = False
    assert softened is not RULES[name].fixed


def test_a_check_that_is_not_there_is_refused_with_the_nearest_name() -> None:
    """Else a misspelt name would soften nothing, and nobody would know."""
    with pytest.raises(ValidationError, match="did you mean `schema_stable`"):
        CHECKS.validate_python({"schema_stabel": {"severity": "warn"}})
