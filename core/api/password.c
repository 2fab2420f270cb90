/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords of system accounts, from a passwordConfig and random bytes that the caller brings:
 * pure, so that a seed gives the same password on every build and a planner can be tested.
 *
 * The generator is splitmix64 over the FNV of the input. It stretches what it is given and adds
 * nothing: the strength comes from the caller's random bytes, all of which enter the state.
 */
#include <errno.h>
#include <string.h>

#include "api/names.h"
#include "base/map.h"

#define DIGITS          "0123456789"
#define LOWER           "abcdefghijklmnopqrstuvwxyz"
#define UPPER           "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DEFAULT_SYMBOLS "!@#&*"
#define LENGTH_MIN      8
#define LENGTH_MAX      32

struct stream {
    uint64_t word[PASSWORD_RANDOM / 8];
    size_t turn;
};

static uint64_t mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static void stream_init(struct stream *s, const char *seed, const unsigned char *random)
{
    s->turn = 0;
    memcpy(s->word, random, sizeof(s->word));
    if (!seed || !*seed)
        return;
    uint64_t h = hash_bytes(seed, strlen(seed));
    for (size_t i = 0; i < ARRAY_LEN(s->word); i++)
        s->word[i] = h = mix(h);
}

/* 0..n-1 without bias: words above the largest multiple of n are thrown away. */
static size_t below(struct stream *s, size_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n;
    for (;;) {
        uint64_t *w = &s->word[s->turn++ % ARRAY_LEN(s->word)];
        uint64_t value = mix(*w);
        *w += 0x9e3779b97f4a7c15ull;
        if (value < limit)
            return (size_t)(value % n);
    }
}

static void pick(struct stream *s, const char *alphabet, int64_t n, char *out, size_t *at)
{
    size_t size = strlen(alphabet);
    for (int64_t i = 0; i < n; i++)
        out[(*at)++] = alphabet[below(s, size)];
}

static void shuffle(struct stream *s, char *text, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = below(s, i);
        char c = text[i - 1];
        text[i - 1] = text[j];
        text[j] = c;
    }
}

int password_make(const cJSON *config, const unsigned char random[PASSWORD_RANDOM], struct buf *out,
                  struct err **err)
{
    int64_t length = json_int(16, config, "length");
    int64_t digits = json_int(4, config, "numDigits");
    int64_t symbols = json_int(0, config, "numSymbols");
    const char *letters = json_str(config, "letterCase");
    const char *signs = json_str(config, "symbolCharacters");
    if (length < LENGTH_MIN || length > LENGTH_MAX)
        return err_set(err, -EINVAL, "passwordConfig.length: want %d..%d, found %lld", LENGTH_MIN,
                       LENGTH_MAX, (long long)length);
    if (digits < 0 || symbols < 0 || digits + symbols > length)
        return err_set(
            err, -EINVAL,
            "passwordConfig: numDigits %lld and numSymbols %lld do not fit into length %lld",
            (long long)digits, (long long)symbols, (long long)length);
    struct stream s;
    stream_init(&s, json_str(config, "seed"), random);
    char text[LENGTH_MAX];
    size_t at = 0;
    pick(&s, DIGITS, digits, text, &at);
    pick(&s, signs && *signs ? signs : DEFAULT_SYMBOLS, symbols, text, &at);
    const char *alphabet = streq(letters, "LowerCases")   ? LOWER
                           : streq(letters, "UpperCases") ? UPPER
                                                          : LOWER UPPER;
    pick(&s, alphabet, length - digits - symbols, text, &at);
    shuffle(&s, text, at);
    buf_add(out, text, at);
    mem_wipe(text, sizeof(text));
    mem_wipe(&s, sizeof(s));
    return 0;
}
