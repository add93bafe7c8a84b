"""Values: dataclasses that nobody changes, in the places where one is made for each transition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True)
def value(cls: type[_T]) -> type[_T]:
    """A frozen dataclass for the type checker alone: to freeze it at run time too triples the cost of making one."""
    return dataclass(slots=True)(cls)
