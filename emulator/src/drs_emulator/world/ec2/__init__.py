"""The networks of an account in a Region: its subnets with their addresses, its vCPUs, and its launch templates."""
