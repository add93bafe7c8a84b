"""Python's garbage collector in a process that makes thousands of objects a second, and no cycles."""

from __future__ import annotations

import gc

_YOUNG, _MIDDLE, _OLD = 50_000, 20, 50
"""As in `gc.set_threshold`; its defaults are 700, 10 and 10."""


def spare_the_collector() -> None:
    """Have the collector look less often, and never again at what is there already: the modules, mostly.

    Looking through them again and again took a third of a worker's time. What a batch makes dies by its reference
    count; the cycles that libraries leave behind are still found.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
