// The kernel, compiled for processors with AVX2 and FMA.
#include "recurrence.h"
#include "train.h"
