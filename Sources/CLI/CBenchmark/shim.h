// System calls that only benchmarks need, and that neither Swift nor all of glibc show.
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Binds a thread to the cores whose bits are set, of the first 64.
static inline int set_thread_cores(int32_t thread, uint64_t mask) {
  return (int)syscall(SYS_sched_setaffinity, thread, sizeof mask, &mask);
}

// The cores that a thread may run on, of the first 64; 0 when they can't be told.
static inline uint64_t thread_cores(int32_t thread) {
  uint64_t masks[16] = {0};
  return syscall(SYS_sched_getaffinity, thread, sizeof masks, masks) > 0 ? masks[0] : 0;
}

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
