"""The routes of the API, one module per resource.

To add a route, add a function with `@router.get(...)` or `.post(...)` to the module of its resource, with a docstring
that OpenAPI shows. A route reads the request, calls one function of `recovery`, and returns a response; rules belong
to `recovery`.
"""
