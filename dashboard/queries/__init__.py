"""Every SQL statement of the pages: the database in, tidy tables out, cached by its version."""
