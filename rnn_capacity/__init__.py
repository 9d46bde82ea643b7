"""How much a recurrent network can hold, and how hard it is to train (Collins et al., ICLR 2017)."""

__version__ = "0.1.0"
