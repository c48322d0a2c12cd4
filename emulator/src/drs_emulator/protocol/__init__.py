"""The wire: botocore's `drs` service model, validation against its shapes, and the restJson1 protocol.

Nothing here knows the emulator's state, and nothing is specific to an operation. `server`, `operations`, `control`
and `settings` use this package; it imports only `errors`.
"""
