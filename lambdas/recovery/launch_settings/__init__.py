"""Applies launch profiles to the launch settings of servers, and puts the settings back."""
