"""Calls of AWS services in a target, besides those of DRS: what checks and actions ask and start there.

`verification` and `actions` call this room; it uses `drs` for the role and the rate limits of the target, and every
room below it. Each module has the calls of one service. It never retries and never waits, decides nothing and writes no
table: its errors say what went wrong, and whether it passes.
"""
