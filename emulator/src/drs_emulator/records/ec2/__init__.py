"""What EC2 has of an account in a Region: launch templates, networks, reservations, and where instances run."""
