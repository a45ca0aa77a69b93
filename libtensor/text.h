/* Text. */
#ifndef LIBTENSOR_TEXT_H
#define LIBTENSOR_TEXT_H

#include <stdbool.h>
#include <string.h>

/* Whether text is something, if only "", before `end`. */
static inline bool text_ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n >= k && strcmp(text + n - k, end) == 0;
}

#endif
