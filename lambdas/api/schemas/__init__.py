"""The shapes of request and response bodies, as pydantic models: the one definition of each.

Requests are parsed with the models in `requests`, answers are built and serialized with those in `responses`, and
`api.openapi` publishes both. A response model also knows how to build itself from a record. Nothing here reads a
table or calls AWS.
"""
