"""Labs for people: pictures, a page, a text, a table for the docs, and JSON."""
