"""What an account's attributes can take, against what an audience writes (S16)."""

from collections.abc import Iterator

import pytest

from tajo_sf_pipeline.audience.written_column import WrittenColumn
from tajo_sf_pipeline.brevo import attributes
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.config.settings import Brevo
from tajo_sf_pipeline.errors import MappingError
from tajo_sf_pipeline_tests.scripted_server import Answer, scripted
from tajo_sf_pipeline_tests.workspaces import BrevoAccount


@pytest.fixture
def client(brevo: BrevoAccount) -> Iterator[Client]:
    """Connect to an account that has FIRSTNAME and LASTNAME."""
    settings = Brevo(api_key=brevo.key, base_url=f"{brevo.url}/v3", patience=5)
    with Client(settings, budget=None) as connected:
        yield connected


def _columns() -> list[WrittenColumn]:
    return [
        WrittenColumn("points", "points", "float"),
        WrittenColumn("born", "BORN", "date"),
        WrittenColumn("vip", "VIP", "boolean"),
        WrittenColumn("class", "CLASS", "category", ("gold", 'sil"ver 🦊')),
        WrittenColumn("tags", "TAGS", "multiple-choice", ("a;b", "ü")),
        WrittenColumn("name", "firstname", "text"),
        WrittenColumn("phone", "SMS", "text"),
    ]


def test_missing_attributes_are_created_with_their_options(client: Client) -> None:
    """Under upper-case names, in their types; afterwards the check passes, and nothing is left."""
    created = ["POINTS", "BORN", "VIP", "CLASS", "TAGS"]
    assert created == attributes.create_missing(client, _columns())
    attributes.check(client, _columns())
    assert [] == attributes.create_missing(client, _columns())
    account = attributes.of_account(client)
    assert ["float", "date", "boolean"] == [account[name]["type"] for name in created[:3]]
    assert [(1, "gold"), (2, 'sil"ver 🦊')] == [
        (option["value"], option["label"]) for option in account["CLASS"]["enumeration"]
    ]


def test_options_are_added_to_those_that_are_there(client: Client) -> None:
    """They keep their values and their order; without leave to create, the lack is told."""
    attributes.create_missing(client, _columns())
    wider = [
        WrittenColumn("class", "CLASS", "category", ("gold", "bronze")),
        WrittenColumn("tags", "TAGS", "multiple-choice", ("ü", "new")),
    ]
    with pytest.raises(MappingError, match="Brevo lacks the options bronze") as caught:
        attributes.check(client, wider)
    assert "TAJO-611" == caught.value.code
    assert ["CLASS", "TAGS"] == attributes.create_missing(client, wider)
    account = attributes.of_account(client)
    assert {"1": "gold", "2": 'sil"ver 🦊', "3": "bronze"} == {
        option["valueStr"]: option["label"] for option in account["CLASS"]["enumeration"]
    }
    assert ["a;b", "ü", "new"] == account["TAGS"]["multiCategoryOptions"]


def test_conflicts_are_refused_with_both_types_before_anything_is_created(
    client: Client, brevo: BrevoAccount
) -> None:
    """Brevo cannot change a type; each conflict is told with its column."""
    brevo.attributes(POINTS="text", BORN="float")
    before = brevo.writes()
    columns = [*_columns(), WrittenColumn("name", "LASTNAME", "category", ("x",))]
    with pytest.raises(MappingError) as caught:
        attributes.create_missing(client, columns)
    assert [
        "column points -> attribute POINTS: the values are float, Brevo's type is text",
        "column born -> attribute BORN: the values are date, Brevo's type is float",
        "column name -> attribute LASTNAME: the values are category, Brevo's type is text",
    ] == caught.value.happened.splitlines()
    assert "TAJO-612" == caught.value.code
    assert before == brevo.writes()


def test_text_may_go_into_a_category(client: Client) -> None:
    """Where the mapping names no options it is not known which there will be."""
    attributes.create_missing(client, [WrittenColumn("class", "CLASS", "category", ("gold",))])
    attributes.check(client, [WrittenColumn("class", "CLASS", "text")])


def test_an_attribute_that_brevo_does_not_create_is_told(client: Client) -> None:
    """With the column and Brevo's reason."""
    long = WrittenColumn("class", "CLASS", "category", ("x" * 201,))
    with pytest.raises(MappingError, match="TAJO-613 column class: Brevo does not create"):
        attributes.create_missing(client, [long])


def test_an_attribute_that_somebody_creates_meanwhile_is_taken() -> None:
    """The answer that it is there already is no error, once it is there in the right type."""
    there = {"attributes": [{"name": "P", "category": "normal", "type": "float"}]}
    unique = Answer(400, {"code": "invalid_parameter", "message": "Attribute name must be unique"})
    with scripted() as server:
        settings = Brevo(api_key="a-key", base_url=f"{server.url}/v3")
        server.will(Answer(json={"attributes": []}), unique, Answer(json=there))
        with Client(settings, budget=None) as client:
            assert ["P"] == attributes.create_missing(client, [WrittenColumn("p", "P", "float")])


def test_transactional_attributes_cannot_be_written() -> None:
    """Nor calculated and global ones: values for them would be ignored."""
    account = {"ORDER_ID": {"name": "ORDER_ID", "category": "transactional", "type": "id"}}
    told = attributes.problem(WrittenColumn("o", "ORDER_ID", "text"), account)
    assert told
    assert "it is transactional in Brevo and cannot be written" in told.text


def test_a_column_is_read_from_a_mapped_files_notes() -> None:
    """As written with and without options."""
    assert WrittenColumn("a", "A", "text") == WrittenColumn.of(["a", "A", "text"])
    assert WrittenColumn("a", "A", "category", ("x",)) == WrittenColumn.of(
        ["a", "A", "category", ["x"]]
    )
