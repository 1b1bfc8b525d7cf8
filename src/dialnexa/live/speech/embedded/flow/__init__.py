"""``builtin/flow``: a deterministic mind for guided conversations, behind the same port as a language model."""
