"""The servers of a run: a table that scrolls over ten thousand of them, and one server."""

from starlette.routing import Route

ROUTES: list[Route] = []
