"""The bodies that callers send, one module per resource.

A model checks every field and refuses unknown ones; its `to_...` method makes the domain object. Rules that need a
table, such as whether a protection group exists, belong to the routes.
"""
