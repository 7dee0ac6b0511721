/* Preloaded into the gateway: every write and sync below SLOW_DISK takes SLOW_DISK_S seconds. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static void wait_if_slow(int file)
{
    const char *folder = getenv("SLOW_DISK"), *seconds = getenv("SLOW_DISK_S");
    char link[64], path[4096];
    if (!folder || !seconds) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    if (strncmp(path, folder, strlen(folder)) || !strstr(path, ".db")) return;
    double pause = atof(seconds);
    struct timespec span = {(time_t)pause, (long)((pause - (time_t)pause) * 1e9)};
    nanosleep(&span, NULL);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite64(int file, const void *content, size_t size, off64_t at)
{
    wait_if_slow(file);
    return NEXT(pwrite64)(file, content, size, at);
}

int fsync(int file) { wait_if_slow(file); return NEXT(fsync)(file); }
int fdatasync(int file) { wait_if_slow(file); return NEXT(fdatasync)(file); }
