"""The errors a caller can be answered with, by the names of the service model."""


class ServiceError(Exception):
    """An error answer; `members` are members of its shape, `status` is used where the model has no such error."""

    code = "InternalServerException"
    status = 500

    def __init__(self, message: str, **members: object) -> None:
        super().__init__(message)
        self.message = message
        self.members = members


class InternalServer(ServiceError):
    """`wanted` where it is a fault on demand and no defect."""

    def __init__(self, message: str, *, wanted: bool = False) -> None:
        super().__init__(message)
        self.wanted = wanted


class AccessDenied(ServiceError):
    code = "AccessDeniedException"


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
    """No error of the service's model: what a load balancer answers when the service behind it does not."""

    code = "ServiceUnavailable"

    def __init__(self, message: str, status: int = 503) -> None:
        super().__init__(message)
        self.status = status


class ConnectionCut(Exception):
    """The connection is closed without an answer; `taken` says whether the call took effect."""

    def __init__(self, *, taken: bool) -> None:
        super().__init__("CUT_AFTER" if taken else "CUT_BEFORE")


class Invalid(ServiceError):
    """A ValidationException; `fields` are pairs of a field's path and what is wrong with it."""

    code = "ValidationException"

    def __init__(
        self, message: str, reason: str = "fieldValidationFailed", fields: list[tuple[str, str]] | None = None
    ) -> None:
        listed = [{"name": name, "message": problem} for name, problem in fields or []]
        super().__init__(message, reason=reason, fieldList=listed)


class NotBuilt(ServiceError):
    """An operation the service has and the emulator has not. No AWS error: callers must not mistake it for one."""

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
