/* A clock that is wrong: CLOCK_MODE 0 is ten years ahead, 1 ten years behind, 2 jumps between both. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static const time_t TEN_YEARS = 10L * 365 * 24 * 3600;

int clock_gettime(clockid_t id, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    static long calls;
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(id, now);
    const char *mode = getenv("CLOCK_MODE");
    if (id == CLOCK_REALTIME && mode) {
        int behind = *mode == '1' || (*mode == '2' && calls++ % 2);
        now->tv_sec += behind ? -TEN_YEARS : TEN_YEARS;
    }
    return code;
}
