"""One eager forward, recorded: the sandbox that leaves the model as found, and the recorder."""
