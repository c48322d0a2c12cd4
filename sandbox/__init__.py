"""What runs the product on one machine; never imported by the product itself."""
