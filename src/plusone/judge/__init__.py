"""Rules, thresholds and the verdict."""
