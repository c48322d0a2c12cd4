"""HTTP: the server, and the dispatcher that turns one request into one reply.

The dispatcher finds the caller's account and Region, draws the faults, takes from the rate limit, validates, and runs
the operation under the world's lock. It holds no state of its own.
"""
