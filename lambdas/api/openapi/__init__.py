"""The OpenAPI document of the API, built from the routes.

Only `GET /openapi.json` and `make openapi` import it, because building it takes a quarter of a second.
"""
