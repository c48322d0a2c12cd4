"""What a drill costs, estimated: `prices` has a table with its date, `estimate` what follows from it."""
