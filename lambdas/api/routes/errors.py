"""Errors that operations on different resources share."""

from recovery.errors import (
    CircuitOpen,
    DrsRefused,
    DrsThrottled,
    DrsUnavailable,
    RateBudgetExhausted,
    RegionNotEnabled,
    RetryExhausted,
    TargetAccessDenied,
    TargetNotInitialized,
    TargetNotRegistered,
)

# Of operations that call DRS and pass its answer on.
DRS_ERRORS = (
    CircuitOpen,
    DrsRefused,
    DrsThrottled,
    DrsUnavailable,
    RateBudgetExhausted,
    RegionNotEnabled,
    RetryExhausted,
    TargetAccessDenied,
    TargetNotInitialized,
    TargetNotRegistered,
)
