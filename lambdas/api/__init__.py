"""The HTTP API: one Lambda function behind API Gateway.

`app` has the handler, `routes` the operations by resource, `router` declares an operation beside its function,
`schemas` has the bodies of requests and responses, `http` reads and writes messages, and `openapi` builds the
document. Each imports only those named after it; `openapi` is imported by the one route that serves it.
"""
