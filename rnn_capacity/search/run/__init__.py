"""Running the trials of studies: the runner of a study, workers on devices, and signals."""
