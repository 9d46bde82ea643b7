"""Language modelling by characters: corpora, the task, its Lightning classes, sampling."""

from rnn_capacity.tasks.language.corpus import Corpus, corpus_of
from rnn_capacity.tasks.language.lightning import LanguageData, LanguageModule
from rnn_capacity.tasks.language.markov import MarkovLanguage
from rnn_capacity.tasks.language.sampling import sample_text
from rnn_capacity.tasks.language.task import Language

__all__ = ["Corpus", "Language", "LanguageData", "LanguageModule", "MarkovLanguage", "corpus_of", "sample_text"]
