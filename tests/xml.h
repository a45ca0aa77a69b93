/* Whether a text is well-formed XML, as far as our own pages use it: nested tags, quoted
 * attributes, the five entities, and a doctype at the start. For tests. */
#ifndef TESTS_XML_H
#define TESTS_XML_H

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { XML_DEPTH = 64, XML_NAME = 32 };

/* Skips text up to any of `end`; false at a bad entity, a bare '<' or '&', or the end of it all. */
static inline bool xml_text(const char **at, const char *end)
{
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
    while (**at && !strchr(end, **at)) {
        if (**at == '<')
            return false;
        if (**at == '&') {
            bool known = false;
            for (int i = 0; i < 5; i++)
                known = known || strncmp(*at, entities[i], strlen(entities[i])) == 0;
            if (!known)
                return false;
        }
        (*at)++;
    }
    return **at != '\0';
}

static inline bool xml_name(const char **at, char name[static XML_NAME])
{
    int n = 0;
    while ((isalnum((unsigned char)**at) || strchr(":-_", **at)) && **at && n < XML_NAME - 1)
        name[n++] = *(*at)++;
    name[n] = '\0';
    return n > 0;
}

/* After the name of an opening tag: attributes, then > or />. */
static inline bool xml_attributes(const char **at, bool *empty)
{
    char name[XML_NAME];
    for (;;) {
        bool space = isspace((unsigned char)**at);
        while (isspace((unsigned char)**at))
            (*at)++;
        *empty = strncmp(*at, "/>", 2) == 0;
        if (**at == '>' || *empty) {
            *at += *empty ? 2 : 1;
            return true;
        }
        if (!space || !xml_name(at, name) || strncmp(*at, "=\"", 2) != 0)
            return false;
        *at += 2;
        if (!xml_text(at, "\""))
            return false;
        (*at)++;
    }
}

/* NULL, or the place where it goes wrong. */
static inline const char *xml_wrong(const char *text)
{
    static char open[XML_DEPTH][XML_NAME];
    const char *at = text;
    int depth = 0;
    if (strncmp(at, "<!DOCTYPE html>\n", 16) == 0)
        at += 16;
    do {
        char name[XML_NAME];
        bool empty = false;
        const char *tag = at;
        if (*at++ != '<')
            return tag;
        bool closing = *at == '/';
        at += closing;
        if (!xml_name(&at, name))
            return tag;
        if (closing) {
            if (depth == 0 || strcmp(open[--depth], name) != 0 || *at++ != '>')
                return tag;
        } else {
            if (!xml_attributes(&at, &empty) || depth == XML_DEPTH)
                return tag;
            if (!empty)
                strcpy(open[depth++], name);
        }
        if (depth > 0 && !xml_text(&at, "<"))
            return at;
    } while (depth > 0);
    while (isspace((unsigned char)*at))
        at++;
    return *at ? at : NULL;
}

#endif
