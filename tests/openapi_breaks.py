"""What of an OpenAPI document would break programs that were written by an older one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
_METHODS = ("get", "post", "put", "patch", "delete")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_SEVERAL = ("anyOf", "oneOf")
_DEEP = 12


def breaks(old: Schema, new: Schema) -> list[str]:
    """What was there and is not, or asks for more than it did; each with its place, none where all is well."""
    return list(Comparison(old, new).breaks())


class Comparison:
    """Two documents, the older one first."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new

    def breaks(self) -> Iterator[str]:
        """All that breaks."""
        for path, methods in self._old["paths"].items():
            for method in _METHODS:
                if method not in methods:
                    continue
                place = f"{method.upper()} {path}"
                now = self._new["paths"].get(path, {}).get(method)
                if now is None:
                    yield f"{place}: is gone"
                else:
                    yield from self._operation(place, methods[method], now)

    def _operation(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        if old.get("operationId") != new.get("operationId"):
            yield f"{place}: is called {new.get('operationId')} and was {old.get('operationId')}"
        yield from self._parameters(place, old, new)
        yield from self._body(f"{place} body", old.get("requestBody"), new.get("requestBody"))
        yield from self._answers(place, old.get("responses", {}), new.get("responses", {}))

    def _parameters(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        before, now = ({(one["in"], one["name"]): one for one in each.get("parameters", ())} for each in (old, new))
        for key, one in before.items():
            where = f"{place} {key[0]} {key[1]}"
            if key not in now:
                yield f"{where}: is gone"
            else:
                yield from self._taken(where, one.get("schema", {}), now[key].get("schema", {}))
        for key, one in now.items():
            if one.get("required") and not before.get(key, {}).get("required"):
                yield f"{place} {key[0]} {key[1]}: is required"

    def _body(self, place: str, old: Schema | None, new: Schema | None) -> Iterator[str]:
        if new is None:
            if old is not None:
                yield f"{place}: is gone"
            return
        if new.get("required") and not (old or {}).get("required"):
            yield f"{place}: is required"
        for kind, one in (old or {}).get("content", {}).items():
            if kind not in new["content"]:
                yield f"{place}: {kind} is gone"
            else:
                yield from self._taken(place, one.get("schema", {}), new["content"][kind].get("schema", {}))

    def _answers(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        for status, answer in old.items():
            if not status.startswith("2"):
                continue
            if status not in new:
                yield f"{place}: is not answered with {status} any more"
                continue
            content = new[status].get("content", {})
            for kind, one in answer.get("content", {}).items():
                if kind not in content:
                    yield f"{place} {status}: {kind} is gone"
                else:
                    yield from self._given(f"{place} {status}", one.get("schema", {}), content[kind].get("schema", {}))

    def _taken(self, place: str, old: Schema, new: Schema, depth: int = 0) -> Iterator[str]:
        """What a request may not say any more, or has to."""
        if depth > _DEEP:
            return
        before, now = _variants(self._old, old), _variants(self._new, new)
        if _types(now) and (gone := (_types(before) or {"anything"}) - _types(now)):
            yield f"{place}: may not be {' or '.join(sorted(gone))} any more"
        for one in before:
            other = _same(one, now)
            if other is None:
                continue
            yield from _tighter(place, one, other)
            known, left = one.get("properties", {}), other.get("properties", {})
            for name in sorted(set(other.get("required", ())) - set(one.get("required", ()))):
                yield f"{place}.{name}: is required"
            for name, schema in known.items():
                if name in left:
                    yield from self._taken(f"{place}.{name}", schema, left[name], depth + 1)
                elif other.get("additionalProperties") is False:
                    yield f"{place}.{name}: is gone"
            if "items" in one and "items" in other:
                yield from self._taken(f"{place}[]", one["items"], other["items"], depth + 1)

    def _given(self, place: str, old: Schema, new: Schema, depth: int = 0) -> Iterator[str]:
        """What an answer does not have any more, or has in another form."""
        if depth > _DEEP:
            return
        before, now = _variants(self._old, old), _variants(self._new, new)
        if _types(before) and (other := (_types(now) or {"anything"}) - _types(before)):
            yield f"{place}: can be {' or '.join(sorted(other))} now"
        for one in before:
            match = _same(one, now)
            if match is None:
                continue
            left = match.get("properties", {})
            for name, schema in one.get("properties", {}).items():
                if name not in left:
                    yield f"{place}.{name}: is gone"
                    continue
                if name in one.get("required", ()) and name not in match.get("required", ()):
                    yield f"{place}.{name}: is not always there any more"
                yield from self._given(f"{place}.{name}", schema, left[name], depth + 1)
            if "items" in one and "items" in match:
                yield from self._given(f"{place}[]", one["items"], match["items"], depth + 1)


def _variants(document: Schema, schema: Schema) -> list[Schema]:
    """What a schema can be, one by one, without references."""
    if reference := schema.get("$ref"):
        return _variants(document, document["components"]["schemas"][reference.rpartition("/")[2]])
    several = next((schema[name] for name in _SEVERAL if name in schema), None)
    if several is None:
        return [schema]
    return [found for one in several for found in _variants(document, one)]


def _types(variants: list[Schema]) -> set[str]:
    return {str(one["type"]) for one in variants if "type" in one}


def _same(one: Schema, others: list[Schema]) -> Schema | None:
    """The one of several that a schema has become."""
    same = [other for other in others if other.get("type") == one.get("type")]
    return max(same, key=lambda other: len({*one.get("properties", ())} & {*other.get("properties", ())}), default=None)


def _tighter(place: str, old: Schema, new: Schema) -> Iterator[str]:
    """Where fewer values are taken."""
    if "enum" in new:
        gone = [one for one in old.get("enum", ["all others"]) if one not in new["enum"]]
        yield from (f"{place}: {one!r} is not taken any more" for one in gone)
    for name in _LOWER:
        if name in new and new[name] > old.get(name, float("-inf")):
            yield f"{place}: {name} is {new[name]}"
    for name in _UPPER:
        if name in new and new[name] < old.get(name, float("inf")):
            yield f"{place}: {name} is {new[name]}"
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        yield f"{place}: has to match {new['pattern']}"
    if "const" in new and new["const"] != old.get("const"):
        yield f"{place}: has to be {new['const']!r}"
