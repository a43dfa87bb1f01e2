"""A search's result as one HTML page: its counts, its pictures, their captions."""
