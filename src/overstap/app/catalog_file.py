"""Reads the catalog from its file."""

from __future__ import annotations

import tomllib
from pathlib import Path

from overstap.domain.catalog import Catalog
from overstap.errors import BadInput


def load_catalog(path: Path) -> Catalog:
    """Read and check a catalog file.

    Args:
        path: a TOML file such as `config/catalog.toml`.

    Raises:
        BadInput: when it is missing, no TOML, or wrong; names file, place and what was expected.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; set catalog_file to where the catalog is") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: expected UTF-8, found another byte at {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: no valid TOML: {error}") from error
    return Catalog.from_mapping(values, str(path))
