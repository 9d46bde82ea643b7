"""The compiled kernel: the cells' steps in C++, all time steps of a tile of samples in the cache."""

from rnn_capacity.kernels.native.library import native_library

__all__ = ["native_library"]
