"""Reads requests and writes responses: bodies, headers, query parameters, pages, RFC 9457 problems.

The layer knows HTTP and API Gateway, not the product: it reads no table and calls no service. `api.router`, the
routes and the schemas use it.
"""
