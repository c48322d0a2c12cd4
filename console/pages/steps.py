"""The other pages of a run: actions and checks, jobs and their logs, findings, events."""

from starlette.routing import Route

ROUTES: list[Route] = []
