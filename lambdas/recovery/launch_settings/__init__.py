"""Launch settings of servers: changed for launch profiles before a launch, and put back after it."""
