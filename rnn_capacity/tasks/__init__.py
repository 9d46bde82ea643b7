"""The tasks, one a file: first what the task is, then its LightningDataModule and its LightningModule."""

from rnn_capacity.tasks.random_mapping import RandomMapping, RandomMappingData, RandomMappingModule

__all__ = ["RandomMapping", "RandomMappingData", "RandomMappingModule"]
