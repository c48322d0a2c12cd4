"""The reports of runs that have ended."""

from starlette.routing import Route

ROUTES: list[Route] = []
