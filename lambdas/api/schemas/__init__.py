"""The shapes of request and response bodies: the one definition of each.

Requests are parsed with the pydantic models in `requests`. Answers are dicts of the types in `responses`, beside which
are the functions that build them from records. `api.openapi` publishes both. Nothing here reads a table or calls AWS.
"""
