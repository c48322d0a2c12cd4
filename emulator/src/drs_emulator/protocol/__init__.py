"""The wire: botocore's service models, validation against their shapes, and the protocols of the services.

DRS speaks restJson1 (`rest_json`), Systems Manager awsJson1.1 (`json_rpc`), EC2 and Elastic Load Balancing their query
protocols (`query`). Nothing here knows the emulator's state, and nothing is specific to an operation. `server`,
`operations`, `control` and `settings` use this package; it imports only `errors`.
"""
