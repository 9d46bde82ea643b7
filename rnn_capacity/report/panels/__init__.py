"""The panels of the report: one figure and table for each of the paper's results."""
