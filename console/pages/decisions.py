"""The dialogs by which people decide about a run: approve, retry, cancel, continue, clean up and the others."""

from starlette.routing import Route

ROUTES: list[Route] = []
