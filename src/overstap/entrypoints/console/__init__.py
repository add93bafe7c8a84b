"""The console for operators and the wizard for tenants' admins: pages over the same application as the API (design §6).

Pages ask and call; what is allowed, found or decided is not theirs to know. What they show is built with htpy, and kept
up to date by NiceGUI, whose socket also carries what people do.
"""

from overstap.entrypoints.console.mount import add_console

__all__ = ["add_console"]
