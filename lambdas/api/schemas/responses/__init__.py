"""The bodies that the API answers with, one module per resource.

Each is a dict whose shape is a `TypedDict`: it costs a start little, mypy checks what builds it, and
`api.openapi` publishes it. `build_...` functions make answers of rows and domain objects. A field that is
`NotRequired` may be missing from an answer; any other field is always there, if only as null.
"""
