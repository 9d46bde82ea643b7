"""Results of a search: progress, loggers, the summary and the importance of hyperparameters."""
