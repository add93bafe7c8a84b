"""One function per step of a workflow, with the provider as an argument."""

from overstap.steps.registry import STEP_EVENTS, TASK_STEPS, StepOptions, registry

__all__ = ["STEP_EVENTS", "TASK_STEPS", "StepOptions", "registry"]
