/* A pickle is a program for a machine with a stack, marks on it, and a memo of numbered values
 * (Python's Lib/pickletools.py describes every opcode). Values and the cells of their items lie in
 * two growing arrays and refer to each other by number. */
#include "config.h"

#include "libtensor/unpickle.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CELLS = 2 * PICKLE_MAX_VALUES, MAX_LINE = 1000, NOT_SET = -1 };

typedef struct Cell {
    int value, next;
} Cell;

struct Pickle {
    PickleValue *value;
    Cell *cell;
    int n_value, n_cell, root;
};

typedef struct Machine {
    Pickle *pickle;
    const unsigned char *bytes;
    size_t size, at;
    const char *const *known;
    int n_known;
    int *stack, *memo; /* memo: NOT_SET where there is none */
    int n_stack, n_memo;
    int mark[PICKLE_MAX_MARKS];
    int n_mark;
    bool done;
    Error *err;
} Machine;

/* ---- room ---- */

/* Room for one more element of an array of n; its capacity is the next power of two. */
static bool grow(void **array, int n, size_t size)
{
    if (n & (n - 1))
        return true;
    void *larger = realloc(*array, (n ? 2 * (size_t)n : 1) * size);
    if (larger)
        *array = larger;
    return larger != NULL;
}

static bool too_large(Machine *m)
{
    return error_set(m->err, "the pickle is too large: more than %d values", PICKLE_MAX_VALUES);
}

static bool no_memory(Machine *m)
{
    return error_set(m->err, "out of memory");
}

static bool damaged(Machine *m, const char *what)
{
    return error_set(m->err, "the pickle is damaged: %s at byte %zu", what, m->at);
}

static bool push(Machine *m, int value)
{
    if (m->n_stack >= PICKLE_MAX_VALUES)
        return too_large(m);
    if (!grow((void **)&m->stack, m->n_stack, sizeof *m->stack))
        return no_memory(m);
    m->stack[m->n_stack++] = value;
    return true;
}

/* A new value, on the stack. */
static bool make(Machine *m, PickleValue v)
{
    Pickle *p = m->pickle;
    if (p->n_value >= PICKLE_MAX_VALUES)
        return too_large(m);
    if (!grow((void **)&p->value, p->n_value, sizeof *p->value))
        return no_memory(m);
    v.first = v.last = NOT_SET;
    p->value[p->n_value] = v;
    return push(m, p->n_value++);
}

static bool append(Machine *m, int to, int item)
{
    Pickle *p = m->pickle;
    if (p->n_cell >= MAX_CELLS)
        return too_large(m);
    if (!grow((void **)&p->cell, p->n_cell, sizeof *p->cell))
        return no_memory(m);
    PickleValue *v = &p->value[to];
    p->cell[p->n_cell] = (Cell){item, NOT_SET};
    if (v->last >= 0)
        p->cell[v->last].next = p->n_cell;
    else
        v->first = p->n_cell;
    v->last = p->n_cell++;
    v->count++;
    return true;
}

/* ---- the stack ---- */

/* Elements above the last mark. */
static int available(const Machine *m)
{
    return m->n_stack - (m->n_mark ? m->mark[m->n_mark - 1] : 0);
}

static bool need(Machine *m, int n)
{
    return available(m) >= n || damaged(m, "its stack runs dry");
}

static int pop(Machine *m)
{
    assert(m->n_stack > 0);
    return m->stack[--m->n_stack];
}

/* Takes away the last mark; *n: how many elements lie above where it was. */
static bool pop_mark(Machine *m, int *n)
{
    if (m->n_mark == 0)
        return damaged(m, "a mark is missing");
    *n = available(m);
    m->n_mark--;
    return true;
}

/* The top n of the stack become the items of a new value of this kind. */
static bool gather(Machine *m, PickleKind kind, int n)
{
    if (!need(m, n) || (kind == PICKLE_DICT && n % 2 != 0 && !damaged(m, "a key has no value")))
        return false;
    int from = m->n_stack - n;
    if (!make(m, (PickleValue){.kind = kind}))
        return false;
    int made = pop(m);
    for (int i = 0; i < n; i++)
        if (!append(m, made, m->stack[from + i]))
            return false;
    m->n_stack = from;
    return push(m, made);
}

static bool gather_marked(Machine *m, PickleKind kind)
{
    int n = 0;
    return pop_mark(m, &n) && gather(m, kind, n);
}

/* The top n become items of the value below them: of a list, or in pairs of what has keys. */
static bool extend(Machine *m, int n, bool pairs)
{
    if (!need(m, n + 1) || (pairs && n % 2 != 0 && !damaged(m, "a key has no value")))
        return false;
    int from = m->n_stack - n, to = m->stack[from - 1];
    PickleKind kind = m->pickle->value[to].kind;
    if (pairs ? kind != PICKLE_DICT && kind != PICKLE_CALL : kind != PICKLE_LIST)
        return damaged(m, "items are added to what has none");
    for (int i = 0; i < n; i++)
        if (!append(m, to, m->stack[from + i]))
            return false;
    m->n_stack = from;
    return true;
}

static bool extend_marked(Machine *m, bool pairs)
{
    int n = 0;
    return pop_mark(m, &n) && extend(m, n, pairs);
}

/* ---- arguments of opcodes ---- */

static bool take(Machine *m, uint64_t n, const unsigned char **p)
{
    if (n > m->size - m->at)
        return damaged(m, "it is cut short");
    *p = m->bytes + m->at;
    m->at += (size_t)n;
    return true;
}

static bool take_number(Machine *m, int bytes, uint64_t *x)
{
    const unsigned char *p = NULL;
    if (!take(m, (uint64_t)bytes, &p))
        return false;
    *x = 0;
    for (int i = bytes - 1; i >= 0; i--)
        *x = *x << 8 | p[i];
    return true;
}

/* Text up to the end of the line. */
static bool take_line(Machine *m, const char **text, size_t *length)
{
    size_t left = m->size - m->at, most = left < MAX_LINE ? left : MAX_LINE;
    const unsigned char *end = memchr(m->bytes + m->at, '\n', most);
    if (!end)
        return damaged(m, "a line does not end");
    *text = (const char *)m->bytes + m->at;
    *length = (size_t)(end - (m->bytes + m->at));
    m->at += *length + 1;
    return true;
}

/* ---- opcodes ---- */

static bool push_text(Machine *m, PickleKind kind, int length_bytes)
{
    uint64_t n = 0;
    const unsigned char *p = NULL;
    return take_number(m, length_bytes, &n) && take(m, n, &p) &&
           make(m, (PickleValue){.kind = kind, .text = (const char *)p, .length = (size_t)n});
}

static bool push_int(Machine *m, int bytes)
{
    uint64_t x = 0;
    if (!take_number(m, bytes, &x))
        return false;
    int64_t value = bytes == 4 ? (int64_t)(int32_t)(uint32_t)x : (int64_t)x;
    return make(m, (PickleValue){.kind = PICKLE_INT, .integer = value});
}

/* Little-endian two's complement. */
static bool push_long(Machine *m, int length_bytes)
{
    uint64_t n = 0;
    const unsigned char *p = NULL;
    if (!take_number(m, length_bytes, &n) || !take(m, n, &p))
        return false;
    if (n > 8)
        return make(m, (PickleValue){.kind = PICKLE_BIG, .text = (const char *)p, .length = n});
    uint64_t x = n && p[n - 1] >> 7 ? UINT64_MAX : 0;
    for (uint64_t i = n; i-- > 0;)
        x = x << 8 | p[i];
    return make(m, (PickleValue){.kind = PICKLE_INT, .integer = (int64_t)x});
}

/* A decimal number as text; 00 and 01 are Python 2's False and True, an L ends a long. */
static bool push_decimal(Machine *m)
{
    const char *text = NULL;
    size_t n = 0;
    char digits[32], *end;
    if (!take_line(m, &text, &n))
        return false;
    if (n > 0 && text[n - 1] == 'L')
        n--;
    if (n == 0 || n >= sizeof digits)
        return damaged(m, "an integer is not one");
    memcpy(digits, text, n);
    digits[n] = '\0';
    errno = 0;
    long long value = strtoll(digits, &end, 10);
    if (*end || errno)
        return damaged(m, "an integer is not one");
    bool truth = n == 2 && digits[0] == '0';
    return make(m, (PickleValue){.kind = truth ? PICKLE_BOOL : PICKLE_INT, .integer = value});
}

static bool push_float(Machine *m)
{
    const unsigned char *p = NULL;
    if (!take(m, 8, &p))
        return false;
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | p[i];
    double x;
    memcpy(&x, &bits, sizeof x);
    return make(m, (PickleValue){.kind = PICKLE_FLOAT, .real = x});
}

static int shown(size_t n)
{
    return n < 100 ? (int)n : 100;
}

static bool push_global(Machine *m, const char *module, size_t n_module, const char *name,
                        size_t n_name)
{
    for (int i = 0; i < m->n_known; i++) {
        const char *known = m->known[i];
        if (strlen(known) == n_module + 1 + n_name && memcmp(known, module, n_module) == 0 &&
            known[n_module] == '.' && memcmp(known + n_module + 1, name, n_name) == 0)
            return make(m, (PickleValue){.kind = PICKLE_GLOBAL, .integer = i});
    }
    return error_set(m->err,
                     "the pickle wants to use %.*s.%.*s, which is no plain data and was refused; "
                     "save plain data (of PyTorch, by torch.save(net.state_dict(), FILE))",
                     shown(n_module), module, shown(n_name), name);
}

static bool global_lines(Machine *m)
{
    const char *module = NULL, *name = NULL;
    size_t n_module = 0, n_name = 0;
    return take_line(m, &module, &n_module) && take_line(m, &name, &n_name) &&
           push_global(m, module, n_module, name, n_name);
}

static bool global_stack(Machine *m)
{
    if (!need(m, 2))
        return false;
    PickleValue name = m->pickle->value[pop(m)], module = m->pickle->value[pop(m)];
    if (name.kind != PICKLE_TEXT || module.kind != PICKLE_TEXT)
        return damaged(m, "a name is not text");
    return push_global(m, module.text, module.length, name.text, name.length);
}

static bool call(Machine *m)
{
    if (!need(m, 2))
        return false;
    const PickleValue *v = m->pickle->value;
    if (v[m->stack[m->n_stack - 2]].kind != PICKLE_GLOBAL ||
        v[m->stack[m->n_stack - 1]].kind != PICKLE_TUPLE)
        return damaged(m, "a call is not one of a function with arguments");
    return gather(m, PICKLE_CALL, 2);
}

static bool set_memo(Machine *m, uint64_t i)
{
    if (!need(m, 1))
        return false;
    if (i >= PICKLE_MAX_VALUES)
        return too_large(m);
    while (m->n_memo <= (int)i) {
        if (!grow((void **)&m->memo, m->n_memo, sizeof *m->memo))
            return no_memory(m);
        m->memo[m->n_memo++] = NOT_SET;
    }
    m->memo[i] = m->stack[m->n_stack - 1];
    return true;
}

static bool get_memo(Machine *m, uint64_t i)
{
    if (i >= (uint64_t)m->n_memo || m->memo[i] == NOT_SET)
        return damaged(m, "a value is used before it is made");
    return push(m, m->memo[i]);
}

static bool stop(Machine *m)
{
    if (!need(m, 1))
        return false;
    m->pickle->root = pop(m);
    m->done = true;
    return true;
}

static bool step(Machine *m)
{
    const unsigned char *op = NULL;
    uint64_t x = 0;
    int n = 0;
    if (!take(m, 1, &op))
        return false;
    switch (*op) {
    case 0x80: /* PROTO */
        return take_number(m, 1, &x) && (x <= 5 || damaged(m, "its protocol is unknown"));
    case 0x95: /* FRAME */
        return take_number(m, 8, &x);
    case '.':
        return stop(m);
    case '(':
        if (m->n_mark == PICKLE_MAX_MARKS)
            return error_set(m->err, "the pickle is nested too deeply");
        m->mark[m->n_mark++] = m->n_stack;
        return true;
    case '0': /* POP */
        return need(m, 1) && pop(m) >= 0;
    case '1': /* POP_MARK */
        if (!pop_mark(m, &n))
            return false;
        m->n_stack -= n;
        return true;
    case '2': /* DUP */
        return need(m, 1) && push(m, m->stack[m->n_stack - 1]);
    case 'N':
        return make(m, (PickleValue){.kind = PICKLE_NONE});
    case 0x88: /* NEWTRUE */
    case 0x89: /* NEWFALSE */
        return make(m, (PickleValue){.kind = PICKLE_BOOL, .integer = *op == 0x88});
    case 'I': /* INT */
    case 'L': /* LONG */
        return push_decimal(m);
    case 'J': /* BININT */
        return push_int(m, 4);
    case 'K': /* BININT1 */
        return push_int(m, 1);
    case 'M': /* BININT2 */
        return push_int(m, 2);
    case 0x8a: /* LONG1 */
        return push_long(m, 1);
    case 0x8b: /* LONG4 */
        return push_long(m, 4);
    case 'G': /* BINFLOAT */
        return push_float(m);
    case 'U': /* SHORT_BINSTRING */
        return push_text(m, PICKLE_TEXT, 1);
    case 'T': /* BINSTRING */
        return push_text(m, PICKLE_TEXT, 4);
    case 0x8c: /* SHORT_BINUNICODE */
        return push_text(m, PICKLE_TEXT, 1);
    case 'X': /* BINUNICODE */
        return push_text(m, PICKLE_TEXT, 4);
    case 0x8d: /* BINUNICODE8 */
        return push_text(m, PICKLE_TEXT, 8);
    case 'C': /* SHORT_BINBYTES */
        return push_text(m, PICKLE_BYTES, 1);
    case 'B': /* BINBYTES */
        return push_text(m, PICKLE_BYTES, 4);
    case 0x8e: /* BINBYTES8 */
        return push_text(m, PICKLE_BYTES, 8);
    case ']':
        return make(m, (PickleValue){.kind = PICKLE_LIST});
    case 'a': /* APPEND */
        return extend(m, 1, false);
    case 'e': /* APPENDS */
        return extend_marked(m, false);
    case 'l': /* LIST */
        return gather_marked(m, PICKLE_LIST);
    case ')':
        return make(m, (PickleValue){.kind = PICKLE_TUPLE});
    case 0x85: /* TUPLE1 */
    case 0x86:
    case 0x87:
        return gather(m, PICKLE_TUPLE, *op - 0x84);
    case 't': /* TUPLE */
        return gather_marked(m, PICKLE_TUPLE);
    case '}':
        return make(m, (PickleValue){.kind = PICKLE_DICT});
    case 'd': /* DICT */
        return gather_marked(m, PICKLE_DICT);
    case 's': /* SETITEM */
        return extend(m, 2, true);
    case 'u': /* SETITEMS */
        return extend_marked(m, true);
    case 'q': /* BINPUT */
        return take_number(m, 1, &x) && set_memo(m, x);
    case 'r': /* LONG_BINPUT */
        return take_number(m, 4, &x) && set_memo(m, x);
    case 0x94: /* MEMOIZE */
        return set_memo(m, (uint64_t)m->n_memo);
    case 'h': /* BINGET */
        return take_number(m, 1, &x) && get_memo(m, x);
    case 'j': /* LONG_BINGET */
        return take_number(m, 4, &x) && get_memo(m, x);
    case 'c': /* GLOBAL */
        return global_lines(m);
    case 0x93: /* STACK_GLOBAL */
        return global_stack(m);
    case 'R': /* REDUCE */
        return call(m);
    case 'Q': /* BINPERSID */
        return gather(m, PICKLE_PERSISTENT, 1);
    case 'b': /* BUILD: attributes of an object, like OrderedDict's _metadata; no data of ours */
        return need(m, 2) && pop(m) >= 0;
    default:
        return error_set(m->err,
                         "the pickle has the opcode 0x%02x at byte %zu, which plain data do not "
                         "need and was refused; save plain data (of PyTorch, by "
                         "torch.save(net.state_dict(), FILE))",
                         *op, m->at - 1);
    }
}

bool unpickle(Pickle **pickle, const void *bytes, size_t size, const char *const *known,
              int n_known, size_t *used, Error *err)
{
    Machine m = {.pickle = calloc(1, sizeof *m.pickle),
                 .bytes = bytes,
                 .size = size,
                 .known = known,
                 .n_known = n_known,
                 .err = err};
    if (!m.pickle)
        return no_memory(&m);
    bool ok = true;
    while (ok && !m.done)
        ok = step(&m);
    free(m.stack);
    free(m.memo);
    if (!ok) {
        pickle_free(m.pickle);
        return false;
    }
    *pickle = m.pickle;
    *used = m.at;
    return true;
}

void pickle_free(Pickle *pickle)
{
    if (!pickle)
        return;
    free(pickle->value);
    free(pickle->cell);
    free(pickle);
}

/* ---- reading the values ---- */

int pickle_count(const Pickle *pickle)
{
    return pickle->n_value;
}

int pickle_root(const Pickle *pickle)
{
    return pickle->root;
}

const PickleValue *pickle_value(const Pickle *pickle, int value)
{
    assert(value >= 0 && value < pickle->n_value);
    return &pickle->value[value];
}

int pickle_next(const Pickle *pickle, int cell)
{
    return pickle->cell[cell].next;
}

int pickle_item(const Pickle *pickle, int cell)
{
    return pickle->cell[cell].value;
}

bool pickle_items(const Pickle *pickle, int value, const PickleValue *items[], int n)
{
    const PickleValue *v = pickle_value(pickle, value);
    if (v->count < n)
        return false;
    int cell = v->first;
    for (int i = 0; i < n; i++, cell = pickle_next(pickle, cell))
        items[i] = pickle_value(pickle, pickle_item(pickle, cell));
    return true;
}

bool pickle_is(const PickleValue *value, const char *text)
{
    return value->kind == PICKLE_TEXT && value->length == strlen(text) &&
           memcmp(value->text, text, value->length) == 0;
}
