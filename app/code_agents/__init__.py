"""Other code agents: command lines of other makers, run inside a sandbox; one file each, found and not listed."""
