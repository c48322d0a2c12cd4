"""The answers to requests: one module for each page, with its routes in `ROUTES`.

A page reads snapshots, chooses what to show and renders a template. It never calls AWS.
"""
