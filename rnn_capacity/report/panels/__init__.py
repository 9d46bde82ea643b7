"""The panels of the report, in the paper's order."""
