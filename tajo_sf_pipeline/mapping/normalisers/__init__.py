"""One module for each kind of value: Arrow in, `Normalised` out."""
