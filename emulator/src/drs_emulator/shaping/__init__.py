"""Gives answers the shape that the behaviour asks for.

The operations return every member, in the form of the model, and that is checked. After that, `reshape` leaves out
what real answers leave out, and rewrites times and durations. `strange_records` adds records that break the model.
"""
