"""The bodies that the API answers with, one module per resource.

`from_...` methods build a model from rows and domain objects. A field with a default may be missing from an answer;
any other field is always there, if only as null.
"""
