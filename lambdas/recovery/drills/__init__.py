"""What follows from drills: their appointments, whether they count, what people say of them, and their evidence.

A look every five minutes starts the drills whose appointment has come. The end of a run starts keep-evidence, which
records what the drill has shown before it writes the evidence. It never waits: recover-plan and keep-evidence do.
"""
