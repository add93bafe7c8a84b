"""The faces: they parse, call the service and render; no rule lives here."""
