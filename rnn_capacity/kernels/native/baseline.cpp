// The kernel, compiled for processors without AVX2, and for ARM with NEON.
#include "recurrence.h"
#include "train.h"
