"""From a recorded forward to blocks, skips and the law of path lengths."""
