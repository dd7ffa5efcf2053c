#ifndef POOLHUB_CPAGES_H
#define POOLHUB_CPAGES_H

#include <stddef.h>

/// One file of the web pages, as it stands in this folder. It lives as long as the process.
struct poolhub_page_file {
  const char *name;
  const unsigned char *bytes;
  size_t byte_count;
};

size_t poolhub_page_file_count(void);

/// - Parameter index: below the count.
struct poolhub_page_file poolhub_page_file_at(size_t index);

#endif
