// What Glibc's Swift module leaves out, and the variadic calls that Swift cannot make.
#include <sys/eventfd.h>
#include <sys/prctl.h>

static inline int set_current_thread_name(const char *name) {
  return prctl(PR_SET_NAME, name, 0, 0, 0);
}

// Linux sends this process `signal` when the thread that started it ends.
static inline int set_parent_death_signal(int signal) {
  return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0);
}
