"""Builders and helpers that several kinds of test share. Test modules import from here and never from each other."""
