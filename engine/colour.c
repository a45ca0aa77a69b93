#include "engine/colour.h"

#include <stdlib.h>
#include <string.h>

bool colour_parse(const char *text, uint8_t rgb[3])
{
    if (!text || text[0] != '#' || strlen(text) != 7 ||
        strspn(text + 1, "0123456789abcdefABCDEF") != 6)
        return false;
    unsigned long value = strtoul(text + 1, NULL, 16);
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)(value >> (16 - 8 * c));
    return true;
}
