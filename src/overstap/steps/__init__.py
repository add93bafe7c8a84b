"""The pieces of work that a workflow's states name; each calls a provider and returns an outcome."""
