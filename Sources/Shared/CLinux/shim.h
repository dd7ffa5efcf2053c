// What Glibc's Swift module leaves out, and the variadic calls that Swift cannot make.
#define _GNU_SOURCE
#include <netinet/in.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

static inline int set_current_thread_name(const char *name) {
  return prctl(PR_SET_NAME, name, 0, 0, 0);
}

// Linux sends this process `signal` when the thread that started it ends.
static inline int set_parent_death_signal(int signal) {
  return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0);
}

// Whether this process leaves core files and lets others of its user read its memory and environment.
static inline int set_dumpable(int dumpable) {
  return prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0);
}
static inline int is_dumpable(void) { return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0); }

// Lets connections to one server share a source port with those to others, so that the kernel
// doesn't run out of ports.
static inline int bind_address_without_port(int socket) {
  int one = 1;
  return setsockopt(socket, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof one);
}

// Which processors the calling thread may run on: 1 or 0 for the processor of this number.
static inline int may_run_on(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  return processor < CPU_SETSIZE && CPU_ISSET(processor, &set);
}

// Holds a thread to some processors.
static inline int hold_to_processors(pid_t thread, const int *processors, int count) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int i = 0; i < count; i++) CPU_SET(processors[i], &set);
  return sched_setaffinity(thread, sizeof set, &set);
}
