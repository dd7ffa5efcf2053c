// What Glibc's Swift module leaves out, and the variadic calls that Swift cannot make.
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

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

// For a socket that listens: who would begin a connection isn't heard, while all that belongs to one that has
// begun is let through. (By the byte of flags in TCP's head; 2 is SYN.)
static inline struct sock_fprog no_new_connections(void) {
  static const struct sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  };
  return (struct sock_fprog){sizeof steps / sizeof *steps, (struct sock_filter *)steps};
}

// The processors that the calling thread may run on, a bit each, of the first 64; 0 when they can't be told.
static inline uint64_t own_processors(void) {
  uint64_t masks[16] = {0};
  return syscall(SYS_sched_getaffinity, 0, sizeof masks, masks) > 0 ? masks[0] : 0;
}

// Holds a thread to the processors whose bits are set.
static inline int hold_to_processors(int32_t thread, uint64_t mask) {
  return (int)syscall(SYS_sched_setaffinity, thread, sizeof mask, &mask);
}
