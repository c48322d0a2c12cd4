"""What the listing commands print: `catalog` describes each listing, `output` prints it in four forms, and
`layout` fits tables to a terminal."""
