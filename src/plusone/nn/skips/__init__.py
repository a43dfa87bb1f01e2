"""Skips other than the identity, one idea a file."""
