"""Measurements at the given parameters and batch."""
