"""The errors that API Gateway answers itself, before the API or in its place."""

from collections.abc import Mapping

# Codes by status, as cfn/ defines them.
GATEWAY_ERRORS: Mapping[int, tuple[str, ...]] = {
    403: ("NotSigned", "InvalidSignature", "ExpiredCredentials", "NotAllowed", "RequestRefused"),
    413: ("RequestTooLarge",),
    429: ("TooManyRequests",),
    503: ("ApiUnavailable",),
    504: ("ApiTimedOut",),
}
