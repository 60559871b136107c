/* Preloaded into nginx by tests: the wall clock shows what a file says, in seconds. The shipped module
 * knows nothing of it. Monotonic time, by which timers run, is the real one, ahead by what a second
 * number in the file says. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *seconds;

__attribute__((constructor)) static void map_clock(void) {
    const char *path = getenv("SALLYPORT_TEST_CLOCK");
    const int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return;
    }
    void *memory = mmap(NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (memory != MAP_FAILED) {
        seconds = memory;
    }
}

int gettimeofday(struct timeval *restrict value, void *restrict zone) {
    (void)zone;
    if (seconds == NULL) {
        value->tv_sec = 0;
        value->tv_usec = 0;
        return 0;
    }
    value->tv_sec = (time_t)*seconds;
    value->tv_usec = 0;
    return 0;
}

int clock_gettime(clockid_t clock, struct timespec *value) {
    const long answer = syscall(SYS_clock_gettime, clock, value);
    const int monotonic = clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE;
    if (answer == 0 && monotonic && seconds != NULL) {
        value->tv_sec += (time_t)seconds[1];
    }
    return (int)answer;
}
