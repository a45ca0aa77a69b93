/* The link guard: a float object linked with the double library misses this symbol, and vice versa.
 */
#include "libtensor/real.h"

const char REAL_GUARD = 1;
