"""The page of compliance: which plans have a recent drill that counts, looking like the report of a run."""
