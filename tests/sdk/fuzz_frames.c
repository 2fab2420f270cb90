/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What crosses the socket, from bytes to checked frames and decoded views, in both directions. A
 * libFuzzer target under ATOLL_FUZZ; in every other build a program that runs the corpus and a
 * fixed number of seeded mutations of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "engine/frames.h"
#include "engine/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const char *text, size_t size, bool from_host)
{
    struct frame f;
    struct err *err = NULL;
    if (frame_decode((struct str){text, size}, from_host, &f, &err) < 0) {
        ATOLL_ASSERT(err_text(err)[0]);
        err_free(err);
        return;
    }
    const cJSON *view = json_at(f.body, "view");
    const cJSON *secrets = json_at(f.body, "secrets");
    struct scene *scene = NULL;
    if (view && scene_new(view, secrets, NULL, NULL, &scene, NULL) == 0) {
        ATOLL_ASSERT(scene->view->cluster.len > 0);
        scene_unref(scene);
    }
    frame_done(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decode((const char *)data, size, true);
    decode((const char *)data, size, false);
    return 0;
}

#ifndef ATOLL_FUZZ
#define MUTATIONS 3000 /* per seed file */

static uint64_t state = 0x9e3779b97f4a7c15ull; /* fixed: a failure repeats */

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void mutate_and_run(const char *text, size_t len)
{
    static const char pieces[] = "{}[]\",:0-1e9tfn\\u\x80\xff ";
    for (int i = 0; i < MUTATIONS; i++) {
        AUTO(mem_freep) char *copy = mem_alloc(len + 1);
        memcpy(copy, text, len);
        size_t cut = next() % 4 ? len : next() % (len + 1);
        for (uint64_t n = next() % 4; n > 0 && cut > 0; n--)
            copy[next() % cut] = pieces[next() % (sizeof(pieces) - 1)];
        LLVMFuzzerTestOneInput((const uint8_t *)copy, cut);
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        AUTO(mem_freep) char *text = NULL;
        size_t len = 0;
        struct err *err = NULL;
        if (file_read(argv[i], 1 << 20, &text, &len, &err) < 0) {
            fprintf(stderr, "%s\n", err_text(err));
            return 1;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)text, len);
        mutate_and_run(text, len);
    }
    printf("%d seeds, %d mutations each\n", argc - 1, MUTATIONS);
    return argc > 1 ? 0 : 1;
}
#endif
