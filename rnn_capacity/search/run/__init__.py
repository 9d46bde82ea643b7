"""Runs the trials of studies: claims and trains them, on one device or several, and stops after a signal."""
