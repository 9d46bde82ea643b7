"""The compiled kernel: the cells in C++, which run all time steps of a few samples while these are in the cache."""

from rnn_capacity.kernels.native.library import native_library

__all__ = ["native_library"]
