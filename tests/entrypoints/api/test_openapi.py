"""The OpenAPI document in the repository is the one of the code, and breaks nobody who has the last release's."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

import openapi
from openapi_breaks import breaks

Document = dict[str, Any]
Change = Callable[[Document], None]


def read(path: Any) -> Document:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_document_is_that_of_the_code() -> None:
    assert openapi.DOCUMENT.read_text(encoding="utf-8") == openapi.page(), "docs/openapi.json is old: run `make docs`"


def test_nothing_breaks_who_was_written_by_the_last_release() -> None:
    assert [] == breaks(read(openapi.RELEASED), read(openapi.DOCUMENT))


JSON_THING: Document = {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
OLD: Document = {
    "paths": {
        "/things/{id}": {
            "get": {
                "operationId": "show_thing",
                "parameters": [{"in": "query", "name": "deep", "schema": {"type": "boolean"}}],
                "responses": {"200": {"content": JSON_THING}},
            },
            "post": {
                "operationId": "change_thing",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Change"}}}},
                "responses": {"201": {"content": {"application/json": {"schema": {"type": "object"}}}}},
            },
        }
    },
    "components": {
        "schemas": {
            "Thing": {
                "type": "object",
                "required": ["id", "kind"],
                "properties": {
                    "id": {"type": "string"},
                    "kind": {"type": "string"},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
                },
            },
            "Part": {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer"}}},
            "Change": {
                "type": "object",
                "additionalProperties": False,
                "required": ["reason"],
                "properties": {
                    "reason": {"type": "string", "minLength": 1, "maxLength": 100},
                    "colour": {"anyOf": [{"type": "string", "enum": ["red", "blue"]}, {"type": "null"}]},
                    "size": {"type": "integer", "minimum": 0},
                },
            },
        }
    },
}  # fmt: skip


def operation(document: Document, method: str) -> Document:
    return document["paths"]["/things/{id}"][method]


def schema(document: Document, name: str) -> Document:
    return document["components"]["schemas"][name]


BREAKS: dict[str, tuple[Change, str]] = {
    "a path is gone": (lambda now: now["paths"].clear(), "GET /things/{id}: is gone"),
    "a method is gone": (lambda now: now["paths"]["/things/{id}"].pop("post"), "POST /things/{id}: is gone"),
    "another name": (
        lambda now: operation(now, "get").update(operationId="get_thing"),
        "GET /things/{id}: is called get_thing and was show_thing",
    ),
    "a parameter is gone": (
        lambda now: operation(now, "get")["parameters"].clear(),
        "GET /things/{id} query deep: is gone",
    ),
    "a new parameter is required": (
        lambda now: operation(now, "get")["parameters"].append({"in": "query", "name": "x", "required": True}),
        "GET /things/{id} query x: is required",
    ),
    "a parameter has another type": (
        lambda now: operation(now, "get")["parameters"][0]["schema"].update(type="string"),
        "GET /things/{id} query deep: may not be boolean any more",
    ),
    "a new property is required": (
        lambda now: schema(now, "Change")["required"].append("size"),
        "POST /things/{id} body.size: is required",
    ),
    "a property is not taken": (
        lambda now: schema(now, "Change")["properties"].pop("size"),
        "POST /things/{id} body.size: is gone",
    ),
    "a value is not taken": (
        lambda now: schema(now, "Change")["properties"]["colour"]["anyOf"][0]["enum"].remove("blue"),
        "POST /things/{id} body.colour: 'blue' is not taken any more",
    ),
    "null is not taken": (
        lambda now: schema(now, "Change")["properties"]["colour"]["anyOf"].pop(),
        "POST /things/{id} body.colour: may not be null any more",
    ),
    "less is taken": (
        lambda now: schema(now, "Change")["properties"]["reason"].update(maxLength=50),
        "POST /things/{id} body.reason: maxLength is 50",
    ),
    "more is asked for": (
        lambda now: schema(now, "Change")["properties"]["size"].update(minimum=1),
        "POST /things/{id} body.size: minimum is 1",
    ),
    "a pattern": (
        lambda now: schema(now, "Change")["properties"]["reason"].update(pattern="^x"),
        "POST /things/{id} body.reason: has to match ^x",
    ),
    "a body is required": (
        lambda now: operation(now, "post")["requestBody"].update(required=True),
        "POST /things/{id} body: is required",
    ),
    "another status": (
        lambda now: operation(now, "post").update(responses={"200": {}}),
        "POST /things/{id}: is not answered with 201 any more",
    ),
    "another media type": (
        lambda now: operation(now, "post")["responses"]["201"].update(content={"text/plain": {}}),
        "POST /things/{id} 201: application/json is gone",
    ),
    "an answer has lost a property": (
        lambda now: schema(now, "Thing")["properties"].pop("kind"),
        "GET /things/{id} 200.kind: is gone",
    ),
    "an answer has not always a property": (
        lambda now: schema(now, "Thing")["required"].remove("kind"),
        "GET /things/{id} 200.kind: is not always there any more",
    ),
    "a part of an answer has another type": (
        lambda now: schema(now, "Part")["properties"]["size"].update(type="string"),
        "GET /things/{id} 200.parts[].size: can be string now",
    ),
    "an answer can be null": (
        lambda now: schema(now, "Thing")["properties"].update(kind={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        "GET /things/{id} 200.kind: can be null now",
    ),
}


@pytest.mark.parametrize(("change", "told"), BREAKS.values(), ids=BREAKS.keys())
def test_a_change_that_breaks_somebody_is_named(change: Change, told: str) -> None:
    now = copy.deepcopy(OLD)
    change(now)

    assert told in breaks(OLD, now)


FINE: dict[str, Change] = {
    "nothing": lambda _: None,
    "a new path": lambda now: now["paths"].update({"/new": {"get": {"operationId": "show_new"}}}),
    "a parameter that can be left out": lambda now: operation(now, "get")["parameters"].append(
        {"in": "query", "name": "x", "schema": {"type": "string"}}
    ),
    "a property that can be left out": lambda now: schema(now, "Change")["properties"].update(x={"type": "string"}),
    "a property more in an answer": lambda now: schema(now, "Thing")["properties"].update(x={"type": "string"}),
    "a value more is taken": lambda now: schema(now, "Change")["properties"]["colour"]["anyOf"][0]["enum"].append("x"),
    "more is taken": lambda now: schema(now, "Change")["properties"]["reason"].update(maxLength=500),
    "null is taken too": lambda now: schema(now, "Change")["properties"].update(
        size={"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]}
    ),
    "less is required": lambda now: schema(now, "Change")["required"].clear(),
    "an answer that said nothing says what it has": lambda now: operation(now, "post")["responses"]["201"].update(
        content=JSON_THING
    ),
    "another problem": lambda now: operation(now, "get")["responses"].update({"409": {}}),
}  # fmt: skip


@pytest.mark.parametrize("change", FINE.values(), ids=FINE.keys())
def test_a_change_that_breaks_nobody_is_fine(change: Change) -> None:
    now = copy.deepcopy(OLD)
    change(now)

    assert [] == breaks(OLD, now)


def test_the_document_itself_is_compared_whole() -> None:
    now = read(openapi.DOCUMENT)
    less = copy.deepcopy(now)
    path, _ = less["paths"].popitem()

    assert [path] == sorted({one.split()[1].rstrip(":") for one in breaks(now, less)})
