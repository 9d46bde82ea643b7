"""Character-level language modelling: corpora, the task and text generation."""

from rnn_capacity.tasks.language.corpus import Corpus, encode_corpus
from rnn_capacity.tasks.language.markov import MarkovLanguage
from rnn_capacity.tasks.language.sampling import sample_text
from rnn_capacity.tasks.language.task import Language

__all__ = ["Corpus", "Language", "MarkovLanguage", "encode_corpus", "sample_text"]
