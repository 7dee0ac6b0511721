/* Preloaded: notes in DISK_JOURNAL each change of a database's files and each sync, so that a power cut can be played.
   A record: operation, length of the path, offset, length of the content, then path and content. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void note(uint64_t operation, const char *path, size_t length, uint64_t offset, const void *content, uint64_t size)
{
    const char *name = getenv("DISK_JOURNAL");
    if (!name || length < 3 || !memmem(path, length, ".db", 3)) return;
    static __thread char record[1 << 20];
    uint64_t head[4] = {operation, length, offset, size};
    if (sizeof head + length + size > sizeof record) abort();
    memcpy(record, head, sizeof head);
    memcpy(record + sizeof head, path, length);
    if (size) memcpy(record + sizeof head + length, content, size);
    int file = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    ssize_t done = write(file, record, sizeof head + length + size);
    close(file);
    if (done < 0) abort();
}

static void note_file(char operation, int file, uint64_t offset, const void *content, uint64_t size)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path);
    if (length > 0) note(operation, path, (size_t)length, offset, content, size);
}

ssize_t pwrite64(int file, const void *content, size_t size, off64_t at)
{
    ssize_t done = NEXT(pwrite64)(file, content, size, at);
    if (done > 0) note_file('w', file, (uint64_t)at, content, (uint64_t)done);
    return done;
}

int ftruncate64(int file, off64_t size)
{
    int failed = NEXT(ftruncate64)(file, size);
    if (!failed) note_file('t', file, (uint64_t)size, NULL, 0);
    return failed;
}

int unlink(const char *path)
{
    int failed = NEXT(unlink)(path);
    if (!failed) note('u', path, strlen(path), 0, NULL, 0);
    return failed;
}

int fsync(int file)
{
    int failed = NEXT(fsync)(file);
    if (!failed) note_file('s', file, 0, NULL, 0);
    return failed;
}

int fdatasync(int file)
{
    int failed = NEXT(fdatasync)(file);
    if (!failed) note_file('s', file, 0, NULL, 0);
    return failed;
}
