"""DRS's answers as typed values.

The model of DRS leaves most members optional, and real answers lack some that one would expect: the participants of a
completed job have no recoveryInstanceID. So every `from_drs` accepts an answer with only the ids, keeps values that the
model does not list as text, and turns each time into the form of `clock.iso`. It raises ValueError for an answer
without its id; a reader of many skips that one.
"""
