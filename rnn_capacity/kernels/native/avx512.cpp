// The kernel, compiled for processors with AVX-512.
#include "recurrence.h"
#include "train.h"
