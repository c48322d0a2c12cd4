"""What operators ask of a run that has ended, and that is part of its record: checks of its servers once more."""
