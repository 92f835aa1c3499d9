"""Measures: the whole way of a comment, each stage alone, and the peers, on the same texts in one run."""
