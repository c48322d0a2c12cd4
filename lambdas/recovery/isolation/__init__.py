"""The proof of isolation: whether servers, launched into their subnets, could reach anything but services of AWS.

`prove` reads the networks around these subnets and which instances are those of drills, and lets `domain.isolation`
judge. The inspection of a drill calls this room, and so does the check right before each start; it uses
`target_services` and every room below it. It never changes anything in a target, and has no rows.
"""
