"""The routes of the API, one module per resource.

To add a route, write a function under `@router.operation(...)` in the module of its resource. Its signature names the
models of its body and its answer, its docstring is the description in OpenAPI, and `errors` lists the errors that it
can raise. A new module goes into the list in `api.app`.

A route reads the request, calls `recovery`, and returns the answer. Rules about runs belong to `recovery`; a
route only checks that what a body names exists, because the errors name fields of the body. No route reads a table
itself.
"""
