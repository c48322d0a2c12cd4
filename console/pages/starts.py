"""The dialogs that start readiness checks, drills and recoveries of a plan."""

from starlette.routing import Route

ROUTES: list[Route] = []
