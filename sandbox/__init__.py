"""Runs the product on one machine with emulators of AWS and DRS. The product never imports this package."""
