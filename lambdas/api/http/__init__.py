"""Reads requests and writes responses: bodies, headers, query parameters, pages, RFC 9457 problems.

It knows HTTP, API Gateway and the formats of ids, and no rule of the product: it reads no table and calls no service.
`api.router`, the routes and the schemas use it.
"""
