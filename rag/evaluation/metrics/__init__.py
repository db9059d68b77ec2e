"""Metrics of rankings and answers, one file each."""
