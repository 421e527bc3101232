"""``/v3/contacts/attributes`` of the local Brevo."""

from typing import Any

import httpx
import pytest

from tajo_sf_pipeline_tests.brevo_calls import (
    attributes_of,
    create,
    new_attribute,
    reports_of,
)


class TestAttributes:
    @pytest.fixture
    def typed(self, brevo: httpx.Client) -> httpx.Client:
        for type_ in ("text", "date", "float", "boolean"):
            new_attribute(brevo, f"A_{type_}", type=type_)
        new_attribute(
            brevo, "A_CHOICE", type="multiple-choice", multiCategoryOptions=["red", "blue"]
        )
        kinds = [{"value": 1, "label": "Gold"}, {"value": 2, "label": "Silver"}]
        new_attribute(brevo, "A_CATEGORY", "category", enumeration=kinds)
        return brevo

    def test_are_listed(self, typed: httpx.Client) -> None:
        """Names are upper case; options come with what has them; a category has valueStr."""
        listed = {a["name"]: a for a in typed.get("/v3/contacts/attributes").json()["attributes"]}
        assert listed["A_DATE"] == {"name": "A_DATE", "category": "normal", "type": "date"}
        assert listed["A_CHOICE"]["multiCategoryOptions"] == ["red", "blue"]
        assert (
            listed["A_CATEGORY"]["category"],
            listed["A_CATEGORY"]["enumeration"][0],
        ) == ("category", {"value": 1, "label": "Gold", "valueStr": "1"})

    @pytest.mark.parametrize(
        ("name", "sent", "stored"),
        [
            ("A_TEXT", "a", "a"),
            ("A_TEXT", 5, "5"),
            ("A_TEXT", True, None),
            ("A_FLOAT", 1.5, 1.5),
            ("A_FLOAT", 0, 0),
            ("A_FLOAT", "1.50", 1.5),
            ("A_FLOAT", "much", None),
            ("A_FLOAT", True, None),
            ("A_FLOAT", "nan", None),
            ("A_BOOLEAN", False, False),
            ("A_BOOLEAN", "Yes", True),
            ("A_BOOLEAN", 1, None),
            ("A_DATE", "2026-01-31", "2026-01-31"),
            ("A_DATE", "31-01-2026", "2026-01-31"),
            ("A_DATE", "2026-02-30", None),
            ("A_DATE", "2026-01-31T08:00:00Z", None),
            ("A_CATEGORY", 2, "2"),
            ("A_CATEGORY", "gold", "1"),
            ("A_CATEGORY", "Bronze", None),
            ("A_CHOICE", ["red", "blue"], ["red", "blue"]),
            ("A_CHOICE", ["green"], None),
        ],
    )
    def test_keep_their_type(self, typed: httpx.Client, name: str, sent: Any, stored: Any) -> None:
        """An import stores what fits the attribute and ignores the rest without a word."""
        row = {"email": "a@example.com", "attributes": {name: sent, "FIRSTNAME": "Ada"}}
        assert reports_of(typed, jsonBody=[row]) == {}
        expected = {"FIRSTNAME": "Ada"} | ({} if stored is None else {name: stored})
        assert expected == attributes_of(typed, "a@example.com")

    def test_change_their_options_only(self, typed: httpx.Client) -> None:
        """PUT replaces the options; there is nothing to change in an attribute without any."""
        path = "/v3/contacts/attributes/normal"
        options = {"multiCategoryOptions": ["green"]}
        assert [
            typed.put(f"{path}/A_CHOICE", json=options).status_code,
            typed.put(f"{path}/A_TEXT", json={"type": "float"}).status_code,
            typed.put(f"{path}/NOBODY", json=options).status_code,
        ] == [204, 400, 404]
        create(typed, "a@example.com", attributes={"A_CHOICE": ["green"]})
        assert attributes_of(typed, "a@example.com") == {"A_CHOICE": ["green"]}

    def test_lose_an_option(self, typed: httpx.Client) -> None:
        """One option of a multiple choice can be deleted, once."""
        path = "/v3/contacts/attributes/multiple-choice/A_CHOICE/red"
        assert [204, 404] == [typed.delete(path).status_code for _ in range(2)]
        listed = {a["name"]: a for a in typed.get("/v3/contacts/attributes").json()["attributes"]}
        assert listed["A_CHOICE"]["multiCategoryOptions"] == ["blue"]

    def test_are_calculated_or_global_too(self, brevo: httpx.Client) -> None:
        """A formula is kept and can change; nothing is calculated."""
        new_attribute(brevo, "TOTAL", "global", value="COUNT[BLACKLISTED]")
        path = "/v3/contacts/attributes/global/TOTAL"
        assert brevo.put(path, json={"value": "SUM[LTV]"}).status_code == 204
        listed = {a["name"]: a for a in brevo.get("/v3/contacts/attributes").json()["attributes"]}
        assert ("global", "SUM[LTV]") == (
            listed["TOTAL"]["category"],
            listed["TOTAL"]["calculatedValue"],
        )

    def test_take_their_values_with_them(self, typed: httpx.Client) -> None:
        """Deleting an attribute deletes what contacts had there; a second time it is gone."""
        create(typed, "a@example.com", attributes={"A_TEXT": "a", "FIRSTNAME": "Ada"})
        path = "/v3/contacts/attributes/normal/a_text"
        assert [typed.delete(path).status_code, typed.delete(path).status_code] == [204, 404]
        assert attributes_of(typed, "a@example.com") == {"FIRSTNAME": "Ada"}

    @pytest.mark.parametrize(
        ("path", "body", "message"),
        [
            ("normal/FIRSTNAME", {"type": "text"}, "Attribute name must be unique"),
            ("normal/A", {}, "type is missing"),
            ("normal/A", {"type": "id"}, "Invalid attribute type"),
            ("normal/A-B", {"type": "text"}, "Attribute name is invalid"),
            ("category/A", {"enumeration": [{"value": 1}]}, "enumeration is invalid"),
            (
                "normal/A",
                {"type": "multiple-choice", "multiCategoryOptions": ["x" * 201]},
                "multiCategoryOptions is invalid",
            ),
        ],
    )
    def test_refuse(
        self, brevo: httpx.Client, path: str, body: dict[str, Any], message: str
    ) -> None:
        """Names are unique, types fit the category, options have at most 200 characters."""
        refused = brevo.post(f"/v3/contacts/attributes/{path}", json=body)
        assert (400, message) == (refused.status_code, refused.json()["message"])
