/* A stand-in for libnvidia-ml.so.1 of a node with three GPUs: one half full, one cut into two
   slices, one that fell off the bus. Compiled by tests/unit/host with

   -DINIT_CODE=N  nvmlInit_v2 returns N
   -DHANG         nvmlInit_v2 never returns
   -DOLD          without the functions that came with MIG */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
  success = 0,
  invalid_argument = 2,
  not_supported = 3,
  no_permission = 4,
  not_found = 6,
  gpu_is_lost = 15
};

struct memory {
  unsigned long long total, free, used;
};

static int number_of(void* device) { return (int)((char*)device - (char*)0) - 1; }

int nvmlInit_v2(void) {
  printf("noise\n");
#if defined(HANG)
  for (;;) pause();
#elif defined(INIT_CODE)
  return INIT_CODE;
#else
  return success;
#endif
}

int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 3;
  return success;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  if (index > 2) return invalid_argument;
  *device = (char*)0 + index + 1;
  return success;
}

int nvmlDeviceGetUUID(void* device, char* text, unsigned length) {
  snprintf(text, length, "GPU-0000000%d-aaaa-bbbb-cccc-000000000000", number_of(device));
  return success;
}

int nvmlDeviceGetMemoryInfo(void* device, struct memory* memory) {
  if (number_of(device) == 1) return no_permission;
  if (number_of(device) == 2) return gpu_is_lost;
  memory->total = 80ULL << 30;
  memory->free = 40ULL << 30;
  memory->used = 40ULL << 30;
  return success;
}

int nvmlDeviceGetBrand(void* device, unsigned* brand) {
  (void)device;
  *brand = 14;
  return success;
}

int nvmlDeviceGetPersistenceMode(void* device, unsigned* mode) {
  *mode = number_of(device) == 0;
  return success;
}

#ifndef OLD
int nvmlDeviceGetMigMode(void* device, unsigned* current, unsigned* pending) {
  if (number_of(device) == 2) return not_supported;
  *current = *pending = number_of(device) == 1;
  return success;
}

int nvmlDeviceGetMaxMigDeviceCount(void* device, unsigned* count) {
  (void)device;
  *count = 7;
  return success;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void* device, unsigned index, void** slice) {
  *slice = device;
  return index == 0 || index == 3 ? success : not_found;
}
#endif
