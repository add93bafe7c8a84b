"""One function per step of a workflow, with the provider as an argument."""

from overstap.steps.registry import StepOptions, registry

__all__ = ["StepOptions", "registry"]
