"""Reports on this machine: `write` and `verify` their files, and count the `transitions` that are billed."""
