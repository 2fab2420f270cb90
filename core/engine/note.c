/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared note. The reader is another process that reads while the writer may die at any
 * instruction, so it trusts nothing: texts are cut at their maximum and unprintable bytes are
 * replaced.
 */
#include "engine/note.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct note_slot {
    _Atomic uint64_t since; /* 0 = not in a call */
    char text[NOTE_TEXT_MAX];
};
struct note_page {
    struct note_slot slots[NOTE_SLOTS];
};
struct note {
    struct note_page *page;
    int fd;
};

static int note_map(int fd, struct note **ret, struct err **err)
{
    void *p = mmap(NULL, sizeof(struct note_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return err_set(err, -errno, "mapping the note: %s", strerror(errno));
    *ret = mem_new(struct note);
    (*ret)->page = p;
    (*ret)->fd = fd;
    return 0;
}

int note_new(struct note **ret, int *ret_fd, struct err **err)
{
    int fd = memfd_create("atoll-note", MFD_CLOEXEC);
    if (fd < 0)
        return err_set(err, -errno, "creating the note: %s", strerror(errno));
    int rc = ftruncate(fd, sizeof(struct note_page)) < 0 ? -errno : 0;
    if (rc < 0)
        err_set(err, rc, "creating the note: %s", strerror(-rc));
    else
        rc = note_map(fd, ret, err);
    if (rc < 0)
        close(fd);
    else
        *ret_fd = fd;
    return rc;
}

int note_open(int fd, struct note **ret, struct err **err)
{
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return note_map(fd, ret, err);
}

void note_free(struct note *n)
{
    if (!n)
        return;
    munmap(n->page, sizeof(*n->page));
    close(n->fd);
    mem_free(n);
}

void note_begin(struct note *n, unsigned slot, uint64_t now_ms, const char *what)
{
    if (!n || slot >= NOTE_SLOTS)
        return;
    struct note_slot *s = &n->page->slots[slot];
    snprintf(s->text, sizeof(s->text), "%s", what);
    atomic_store_explicit(&s->since, now_ms ? now_ms : 1, memory_order_release);
}

void note_end(struct note *n, unsigned slot)
{
    if (n && slot < NOTE_SLOTS)
        atomic_store_explicit(&n->page->slots[slot].since, 0, memory_order_release);
}

uint64_t note_loop_since(const struct note *n)
{
    return n ? atomic_load(&n->page->slots[0].since) : 0;
}

static void text_add(struct buf *out, const char *text)
{
    for (size_t i = 0; i < NOTE_TEXT_MAX && text[i]; i++)
        buf_addc(out,
                 (unsigned char)text[i] < 0x20 || (unsigned char)text[i] >= 0x7f ? '?' : text[i]);
}

void note_describe(const struct note *n, struct buf *out)
{
    unsigned found = 0;
    for (unsigned i = 0; i < NOTE_SLOTS && found < 3; i++) {
        const struct note_slot *s = &n->page->slots[i];
        if (!atomic_load(&s->since))
            continue;
        buf_adds(out, found++ ? " or " : "");
        text_add(out, s->text);
    }
    if (found)
        return;
    buf_adds(out, "no call");
    if (n->page->slots[0].text[0]) {
        buf_adds(out, " (last: ");
        text_add(out, n->page->slots[0].text);
        buf_adds(out, ")");
    }
}

void note_clear(struct note *n)
{
    memset(n->page, 0, sizeof(*n->page));
}
