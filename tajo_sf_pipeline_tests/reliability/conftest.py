"""Where the lives of the model happen."""

from collections.abc import Iterator

import pytest

from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline_tests.reliability import lives


@pytest.fixture(scope="module")
def place(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[lives.Place]:
    """Make a place for the lives of a module."""
    with lives.placed(sandbox, tmp_path_factory.mktemp("model")) as made:
        yield made
