// System calls that only benchmarks need, and that neither Swift nor all of glibc show.
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// `epoll_wait` with a limit in nanoseconds.
static inline int epoll_wait_nanoseconds(
    int epoll, struct epoll_event *events, int limit, int64_t nanoseconds) {
  struct {
    int64_t seconds, nanoseconds;
  } wait = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  return (int)syscall(SYS_epoll_pwait2, epoll, events, limit, &wait, (void *)0, 0);
}

// From now on waits of this thread end when they are due, and not up to 50 µs later.
static inline int set_exact_timers(void) { return prctl(PR_SET_TIMERSLACK, 1UL); }
