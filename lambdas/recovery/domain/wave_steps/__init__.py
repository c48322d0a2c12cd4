"""What a plan adds around the launch of a wave: checks of its servers, and actions before and after it."""
