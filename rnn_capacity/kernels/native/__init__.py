"""The compiled kernel: cells in C++, which run all time steps of a tile of samples while it is in the cache."""

from rnn_capacity.kernels.native.library import native_library

__all__ = ["native_library"]
