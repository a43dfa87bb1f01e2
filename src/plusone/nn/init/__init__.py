"""Initialisations that know the depth: one file a method, `initialize_` applies them."""
