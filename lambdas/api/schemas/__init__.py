"""The shapes of request and response bodies, as pydantic models.

Routes validate bodies with `requests` and serialize answers with `responses`; `openapi` publishes both. Nothing here
reads a table or calls AWS.
"""
