"""Routes of launch settings: what runs have changed of them, what a launch profile would change, and putting back."""
