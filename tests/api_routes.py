"""Every route of the API, asked with real ids: what generated tests walk over. A new route comes along by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi.routing import APIRoute, iter_route_contexts

from api_stage import HOST, Stage
from overstap.app.principals import Principal, Role
from overstap.domain.tenant import Tenant
from overstap.entrypoints.api.access import Access
from overstap.entrypoints.api.make import document
from overstap.entrypoints.api.routing import access_of

_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
Values = dict[str, Any]
BODIES: dict[str, Values] = {
    # where the schema alone does not tell what goes together
    "extend_run": {"by": "1h"},
    "plan_replay": {"deadline": "keep"},
    "create_token": {"roles": ["viewer"]},
    "check_workflow": {"text": "workflow: x"},
    "import_tenants": {"exports": [{}]},
    "pause": {"scope": "step", "name": "move_users"},
    "resume": {"scope": "step", "name": "move_users"},
}
"""What the minimal body of an operation says beside or instead of what its schema asks for."""
QUERIES: dict[str, Values] = {"show_history": {"seq": 1}}
"""What an operation is asked where its document leaves everything open."""


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Attributes:
        name: its operation id.
        path: with its parameters in braces.
        told: of the OpenAPI document.
    """

    name: str
    method: str
    path: str
    access: Access
    told: dict[str, Any]

    @property
    def parameters(self) -> list[str]:
        """Names of the parameters of its path."""
        return _PARAMETER.findall(self.path)

    def lets_in(self, role: Role) -> bool:
        """Whether that role alone is enough."""
        somebody = Principal("somebody", frozenset({role}), "test")
        return not self.access.roles or any(somebody.has(one) for one in self.access.roles)


def operations(stage: Stage) -> list[Operation]:
    """All of them; what only looks comes first."""
    told = document(stage.api)["paths"]
    found = [
        Operation(
            str(one.operation_id),
            method,
            str(one.path),
            access_of(str(one.operation_id)),
            told.get(one.path_format, {}).get(method.lower(), {}),
        )
        for one in iter_route_contexts(stage.api.routes)
        if isinstance(one.original_route, APIRoute)
        for method in one.methods or ()
    ]
    return sorted(found, key=lambda one: one.method != "GET")


def ids(stage: Stage, tenant: Tenant) -> Values:
    """What belongs to a tenant, by the names that routes have for it; for others, of the same kind for all."""
    run = stage.runs[tenant.id]
    token = next(one for one in stage.app.tokens.all() if one.tenant_id == tenant.id)
    return {
        "tenant_id": tenant.id,
        "tenant": tenant.id,
        "subscription_id": tenant.subscriptions[0].id,
        "run_id": run,
        "runs": [run],
        "task_id": f"{run}-2",
        "users": [tenant.admins[0].upn],
        "plan_id": stage.plan,
        "token_id": token.id,
        "name": "plan_change",
        "target_plan": "e1",
        "plan": "e1",
        "seq": 1,
        "to": 1,
        "deadline": "keep",
        "event": "cancel",
    }


class Asker:
    """Asks for each operation with the ids of one tenant, or of two.

    Args:
        own: whose ids it takes where nothing else is said.
    """

    def __init__(self, stage: Stage, own: Tenant) -> None:
        self._stage = stage
        self._schemas = document(stage.api)["components"]["schemas"]
        self._all = operations(stage)
        self.values = ids(stage, own)
        self._admin = "tenant_admin" if own == stage.own else "foreign_admin"

    def ask(self, one: Operation, token: str | None, values: Values | None = None) -> httpx.Response:
        """The answer to an operation.

        Args:
            values: instead of the tenant's own, by name.
        """
        filled = {**self.values, **(values or {})}
        path = _PARAMETER.sub(lambda found: str(self.value(one, found[1], filled)), one.path)
        return self._stage.ask(one.method, f"{HOST}{path}", token, params=self._query(one), **self._body(one, filled))

    def value(self, one: Operation, name: str, filled: Values) -> Any:
        """What a parameter of a path is filled with; of what is not known it makes one, or takes what is listed."""
        if name not in filled:
            collection = one.path.partition(f"/{{{name}}}")[0]
            made = self._made(collection, filled) or self._listed(collection)
            filled[name] = self.values[name] = made or "01ARZ3NDEKTSV4RRFFQ69G5FAV"
        return filled[name]

    def _at(self, method: str, path: str) -> Iterator[Operation]:
        return (one for one in self._all if (one.method, one.path) == (method, path))

    def _token(self, one: Operation) -> str:
        return self._admin if Role.TENANT_ADMIN in one.access.roles else "platform"

    def _made(self, collection: str, filled: Values) -> str | None:
        for one in self._at("POST", collection):
            answer = self.ask(one, self._token(one), filled)
            if answer.is_success and isinstance(answer.json(), dict):
                return answer.json().get("id")
        return None

    def _listed(self, collection: str) -> str | None:
        for one in self._at("GET", collection):
            answer = self.ask(one, self._token(one))
            items = answer.json().get("items") if answer.is_success else None
            if items:
                return str(items[0]["id"])
        return None

    def _query(self, one: Operation) -> Values:
        asked = [each for each in one.told.get("parameters", []) if each["in"] == "query" and each.get("required")]
        least = {each["name"]: self._minimal(each["schema"], each["name"], {}) for each in asked}
        return least | QUERIES.get(one.name, {})

    def _body(self, one: Operation, filled: Values) -> Values:
        content = one.told.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            return {}
        body = self._minimal(content["application/json"]["schema"], "", filled)
        more = dict(BODIES.get(one.name, {}))
        if one.name == "plan_replay":
            more["runs"] = filled["runs"]
        return {"json": body | more if isinstance(body, dict) else body}

    def _minimal(self, schema: dict[str, Any], name: str, filled: Values) -> Any:
        """The least that a schema takes; a property of a name that `filled` knows is that."""
        schema = self._plain(schema)
        if name in filled:
            return filled[name]
        if "enum" in schema or "const" in schema:
            return schema["const"] if "const" in schema else schema["enum"][0]
        match schema.get("type"):
            case "object":
                asked = schema.get("required", [])
                return {each: self._minimal(schema["properties"][each], each, filled) for each in asked}
            case "array":
                return [self._minimal(schema["items"], "", filled)] * schema.get("minItems", 0)
            case "integer" | "number":
                return max(1, schema.get("minimum", 1))
            case "boolean":
                return True
        if schema.get("format") in {"uri", "url"} or name == "url":
            return "http://127.0.0.1:9/hook"
        return "1h" if "pattern" in schema else "a reason"

    def _plain(self, schema: dict[str, Any]) -> dict[str, Any]:
        """What a schema refers to; the first of several that is not null."""
        while True:
            several = [one for kind in ("anyOf", "oneOf", "allOf") for one in schema.get(kind, ())]
            if reference := schema.get("$ref"):
                schema = self._schemas[reference.rpartition("/")[2]]
            elif several:
                schema = next(one for one in several if one.get("type") != "null")
            else:
                return schema


def nowhere(value: Any) -> Any:
    """An id of the same shape that nothing has."""
    if isinstance(value, list):
        return [nowhere(one) for one in value]
    text = str(value)
    return f"{text[:10]}{'0' if text[10] != '0' else '1'}{text[11:]}"
