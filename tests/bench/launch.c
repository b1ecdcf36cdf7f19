/* launch OUT RUNS PROGRAM [ARGUMENT...]: starts the program RUNS times, one after the other, and
   writes a line a run to OUT: wall nanoseconds, user and system microseconds, peak resident
   kibibytes, exit code (128 + signal). It is small itself, because the kernel counts what a process
   was before its exec in its peak. */
#define _GNU_SOURCE
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char** environ;

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static long long microseconds(struct timeval time) {
  return time.tv_sec * 1000000LL + time.tv_usec;
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  FILE* out = fopen(argv[1], "w");
  if (out == NULL) return 2;
  const int runs = atoi(argv[2]);
  for (int i = 0; i < runs; ++i) {
    pid_t child = 0;
    int status = 0;
    struct rusage usage;
    const long long start = now();
    const int error = posix_spawnp(&child, argv[3], NULL, NULL, argv + 3, environ);
    if (error != 0) {
      fprintf(stderr, "launch: %s: %s\n", argv[3], strerror(error));
      return 127;
    }
    while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR) {
    }
    const long long end = now();
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    fprintf(out, "%lld %lld %lld %ld %d\n", end - start, microseconds(usage.ru_utime),
            microseconds(usage.ru_stime), usage.ru_maxrss, code);
  }
  return fclose(out) == 0 ? 0 : 2;
}
