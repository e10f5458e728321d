"""One file a page; each runs from top to bottom."""
