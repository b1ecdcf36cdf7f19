/* What reading exactly some pages of files costs.
     pages drop FILE...        forgets what the kernel keeps of the files (of clean pages all)
     pages kept LIST FILE...   writes to LIST which pages it keeps, and prints how many of how many
     pages read LIST           maps each file of LIST, touches one byte of each page, in order, and
                               prints the nanoseconds that this took
   LIST: per file a line with its number of pages and its name, then the numbers of the pages. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  unsigned char* start;
  size_t size;
} Mapping;

static long page_size;

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static Mapping map(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) fail(path);
  Mapping mapping = {NULL, (size_t)status.st_size};
  if (mapping.size > 0) {
    mapping.start = mmap(NULL, mapping.size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapping.start == MAP_FAILED) fail(path);
    /* One page a fault: the kernel does not read ahead. */
    if (madvise(mapping.start, mapping.size, MADV_RANDOM) != 0) fail(path);
  }
  close(fd);
  return mapping;
}

static void drop(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fsync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0) fail(path);
  close(fd);
}

static void kept(const char* path, FILE* list, size_t* found, size_t* all) {
  const Mapping mapping = map(path);
  const size_t pages = (mapping.size + (size_t)page_size - 1) / (size_t)page_size;
  unsigned char* resident = calloc(pages + 1, 1);
  if (resident == NULL) fail("calloc");
  if (pages > 0 && mincore(mapping.start, mapping.size, resident) != 0) fail(path);
  size_t count = 0;
  for (size_t i = 0; i < pages; ++i) count += resident[i] & 1;
  fprintf(list, "%zu %s\n", count, path);
  for (size_t i = 0; i < pages; ++i) {
    if (resident[i] & 1) fprintf(list, "%zu\n", i);
  }
  *found += count;
  *all += pages;
  free(resident);
  if (mapping.size > 0) munmap(mapping.start, mapping.size);
}

typedef struct {
  char* path;
  size_t count;
  size_t* pages;
} Listed;

static size_t load(const char* name, Listed** files) {
  FILE* list = fopen(name, "r");
  if (list == NULL) fail(name);
  char path[4096];
  size_t length = 0;
  Listed file = {NULL, 0, NULL};
  while (fscanf(list, "%zu %4095[^\n]", &file.count, path) == 2) {
    file.path = strdup(path);
    file.pages = calloc(file.count + 1, sizeof(size_t));
    *files = realloc(*files, (length + 1) * sizeof(Listed));
    if (file.path == NULL || file.pages == NULL || *files == NULL) fail("load");
    for (size_t i = 0; i < file.count; ++i) {
      if (fscanf(list, "%zu", &file.pages[i]) != 1) fail(name);
    }
    (*files)[length++] = file;
  }
  fclose(list);
  return length;
}

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Loading the list is not counted. */
static long long read_listed(const char* name) {
  Listed* files = NULL;
  const size_t length = load(name, &files);
  const long long start = now();
  for (size_t i = 0; i < length; ++i) {
    const Mapping mapping = map(files[i].path);
    for (size_t j = 0; j < files[i].count; ++j) {
      (void)*(volatile unsigned char*)(mapping.start + files[i].pages[j] * (size_t)page_size);
    }
    if (mapping.size > 0) munmap(mapping.start, mapping.size);
  }
  return now() - start;
}

int main(int argc, char** argv) {
  page_size = sysconf(_SC_PAGESIZE);
  if (argc >= 3 && strcmp(argv[1], "drop") == 0) {
    for (int i = 2; i < argc; ++i) drop(argv[i]);
    return 0;
  }
  if (argc == 3 && strcmp(argv[1], "read") == 0) {
    printf("%lld\n", read_listed(argv[2]));
    return 0;
  }
  if (argc < 4 || strcmp(argv[1], "kept") != 0) return 2;
  FILE* list = fopen(argv[2], "w");
  if (list == NULL) fail(argv[2]);
  size_t found = 0;
  size_t all = 0;
  for (int i = 3; i < argc; ++i) kept(argv[i], list, &found, &all);
  printf("%zu %zu\n", found, all);
  return fclose(list) == 0 ? 0 : 1;
}
