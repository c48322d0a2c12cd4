"""Builds the OpenAPI document from the operations of the routes, their models and an example of each body.

Only `GET /openapi.json` and `make openapi` import it, because building the document takes a quarter of a second.
"""
