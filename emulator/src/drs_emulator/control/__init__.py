"""The control API below `/_emulator`: seeding, faults, time, settings and the state file.

It serves tests and operators of the emulator, and is no part of DRS. `Control` has the same functions by HTTP and by
method call; bad input raises BadControlInput, changes nothing, and becomes a 400 that names the field.
"""
