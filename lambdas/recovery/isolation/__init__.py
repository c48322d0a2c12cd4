"""The proof of isolation: whether servers, launched into their subnets, could reach anything but services of AWS."""
