"""The `target-changes` table: what runs have changed in targets and have to put back, and what launches depend on."""
