// What Swift's runtime doesn't tell the thread sanitizer. Without that sanitizer it costs one look at a pointer.

extern void __tsan_acquire(void *) __attribute__((weak));
extern void *swift_task_getCurrent(void) __attribute__((swiftcall));

// That whatever the thread did that resumed this task came before what the task does now.
static inline void acquire_resumption(void) {
  if (__tsan_acquire) __tsan_acquire(swift_task_getCurrent());
}
