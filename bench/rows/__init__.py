"""One module for each kind of row; each has `rows(workshop)`, which measures and yields rows."""
