"""Factors on the branch and the skip, one idea a file."""
