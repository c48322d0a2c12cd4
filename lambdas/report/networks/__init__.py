"""The networks of a report: how far they were isolated, look by look, and where instances landed."""
