"""Error responses, under the names of the service model.

ServiceError
  AccessDenied, Conflict, Invalid, ResourceNotFound       the request cannot be met
  QuotaExceeded, Throttled, Uninitialized                 it could be met later, or after a change
  InternalServer, Unavailable                             the service failed
  MissingCredentials, UnknownCredentials                  the caller is unknown
  UnknownOperation, NotBuilt                              the service has no such operation, or the emulator has not
  Refused                                                 an error of Systems Manager or EC2, by its code
ConnectionCut                                             no response at all
"""


class ServiceError(Exception):
    """An error response. `members` belong to its shape; `status` applies to errors that the model lacks."""

    code = "InternalServerException"
    status = 500

    def __init__(self, message: str, **members: object) -> None:
        super().__init__(message)
        self.message = message
        self.members = members


class InternalServer(ServiceError):
    """An internal error. `injected` marks a fault on demand, as opposed to a defect of the emulator."""

    def __init__(self, message: str, *, injected: bool = False) -> None:
        super().__init__(message)
        self.injected = injected


class AccessDenied(ServiceError):
    code = "AccessDeniedException"
    status = 400


class Conflict(ServiceError):
    code = "ConflictException"


class ResourceNotFound(ServiceError):
    code = "ResourceNotFoundException"


class QuotaExceeded(ServiceError):
    code = "ServiceQuotaExceededException"


class Throttled(ServiceError):
    code = "ThrottlingException"


class Uninitialized(ServiceError):
    code = "UninitializedAccountException"


class Unavailable(ServiceError):
    """The response of a load balancer whose service does not respond. The service model does not define it."""

    code = "ServiceUnavailable"

    def __init__(self, message: str, status: int = 503) -> None:
        super().__init__(message)
        self.status = status


class Refused(ServiceError):
    """An error of a service whose errors have no members but a message, by its code in the model."""

    status = 400

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class ConnectionCut(Exception):
    """Close the connection without a response. `took_effect` says whether the call was executed first."""

    def __init__(self, *, took_effect: bool) -> None:
        super().__init__("CUT_AFTER" if took_effect else "CUT_BEFORE")


class Invalid(ServiceError):
    """A ValidationException. `fields` are pairs of a field's path and its problem."""

    code = "ValidationException"

    def __init__(
        self, message: str, reason: str = "fieldValidationFailed", fields: list[tuple[str, str]] | None = None
    ) -> None:
        listed = [{"name": name, "message": problem} for name, problem in fields or []]
        super().__init__(message, reason=reason, fieldList=listed)


class NotBuilt(ServiceError):
    """The emulator lacks an operation of the service. AWS has no such error."""

    code = "NotImplementedException"
    status = 501


class UnknownOperation(ServiceError):
    code = "UnknownOperationException"
    status = 404


class MissingCredentials(ServiceError):
    code = "MissingAuthenticationTokenException"
    status = 403


class UnknownCredentials(ServiceError):
    code = "UnrecognizedClientException"
    status = 403
