/* SPDX-License-Identifier: ISC
 * Preloaded: lets allocations fail, one of so many, as the mapped file says. ALLOCATION_CONTROL is
 * its path: the rate (0: none fails), and how many have failed. In the first second of a process
 * none does, so that it can start. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct control {
  _Atomic uint64_t rate, failed;
};

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static struct control *control;
static uint64_t dice;

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static uint64_t awake_at;

__attribute__((constructor)) static void open_control(void) {
  const char *path = getenv("ALLOCATION_CONTROL");
  int file = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (mapped == MAP_FAILED) return;
  dice = now() * 2654435761u + (uint64_t)getpid() * 40503u + 1;
  awake_at = now() + 1000;
  control = mapped;
}

static int fails(void) {
  if (control == NULL) return 0;
  uint64_t rate = control->rate;
  if (rate == 0) return 0;
  dice ^= dice << 13;
  dice ^= dice >> 7;
  dice ^= dice << 17;
  if (dice % rate != 0 || now() < awake_at) return 0;
  ++control->failed;
  errno = ENOMEM;
  return 1;
}

void *malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return fails() ? NULL : __libc_calloc(count, size); }
void *realloc(void *old, size_t size) {
  return size != 0 && fails() ? NULL : __libc_realloc(old, size);
}
