"""Reads W&B sweep files and defines the search space: hyperparameters, distributions, and what each cell uses."""
