"""The tasks, one a file: first what the task is, then its LightningDataModule and its LightningModule."""

from rnn_capacity.tasks.arithmetic import Arithmetic, ArithmeticData, ArithmeticModule
from rnn_capacity.tasks.continuous_function import (
    ContinuousFunction,
    ContinuousFunctionData,
    ContinuousFunctionModule,
)
from rnn_capacity.tasks.language import Language, LanguageData, LanguageModule
from rnn_capacity.tasks.memory import Memory, MemoryData, MemoryModule
from rnn_capacity.tasks.parentheses import Parentheses, ParenthesesData, ParenthesesModule
from rnn_capacity.tasks.random_mapping import RandomMapping, RandomMappingData, RandomMappingModule

__all__ = [
    "Arithmetic",
    "ArithmeticData",
    "ArithmeticModule",
    "ContinuousFunction",
    "ContinuousFunctionData",
    "ContinuousFunctionModule",
    "Language",
    "LanguageData",
    "LanguageModule",
    "Memory",
    "MemoryData",
    "MemoryModule",
    "Parentheses",
    "ParenthesesData",
    "ParenthesesModule",
    "RandomMapping",
    "RandomMappingData",
    "RandomMappingModule",
]
