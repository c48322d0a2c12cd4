"""What the listing commands print: `catalog` describes each listing, and `output` prints it in four forms."""
