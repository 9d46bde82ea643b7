"""The search space: a W&B sweep file, its parameters and distributions, and what a cell ignores."""
