/* Stands for libcuda.so.1 where no real one behaves so badly. Compiled when a test runs, with one
   of: HANG_LOADING HANG_VERSION HANG_INIT CRASH_VERSION CRASH_INIT EXIT_INIT STUB NOISE WILD
   LEAVES_CHILD NO_VERSION; without, a driver 12.4 with two A100 that heeds CUDA_VISIBLE_DEVICES. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HANG_LOADING
__attribute__((constructor)) static void hang(void) {
  for (;;) pause();
}
#endif

#ifdef STUB
int cuDriverGetVersion(int* version) { return 34; }
int cuInit(unsigned flags) { return 34; }
int cuDeviceGetCount(int* count) { return 34; }
#else

#ifndef NO_VERSION
int cuDriverGetVersion(int* version) {
#if defined(HANG_VERSION)
  for (;;) pause();
#elif defined(CRASH_VERSION)
  *(volatile int*)0 = 1;
#elif defined(NOISE)
  for (int i = 0; i < 100000; ++i) fprintf(stderr, "WARNING: noise %d\n", i);
  printf("{\"step\":\"version\",\"code\":0,\"version\":99990}\n");
  fflush(stdout);
#elif defined(WILD)
  *version = 2147483647;
  return 0;
#endif
  *version = 12040;
  return 0;
}
#endif

int cuInit(unsigned flags) {
#if defined(HANG_INIT)
  for (;;) pause();
#elif defined(CRASH_INIT)
  abort();
#elif defined(EXIT_INIT)
  exit(0);
#elif defined(LEAVES_CHILD)
  if (fork() == 0) {
    sleep(30);
    _exit(0);
  }
#endif
  return 0;
}

int cuDeviceGetCount(int* count) {
#ifdef WILD
  *count = 1000000;
#else
  const char* visible = getenv("CUDA_VISIBLE_DEVICES");
  *count = visible && strcmp(visible, "1") == 0 ? 1 : 2;
#endif
  return 0;
}

int cuDeviceGet(int* device, int index) {
  *device = index;
  return 0;
}

int cuDeviceGetName(char* name, int length, int device) {
#ifdef WILD
  memset(name, 0xfe, (size_t)length);
#else
  snprintf(name, (size_t)length, "NVIDIA \"A100\"\\SXM4-80GB %d", device);
#endif
  return 0;
}

int cuDeviceGetUuid(unsigned char* bytes, int device) {
  for (int i = 0; i < 16; ++i) bytes[i] = (unsigned char)(i * 16 + device);
  return 0;
}

int cuDeviceGetPCIBusId(char* bus, int length, int device) {
  snprintf(bus, (size_t)length, "0000:%02x:00.0", 0x65 + device);
  return 0;
}

int cuDeviceTotalMem_v2(size_t* bytes, int device) {
  *bytes = 85899345920UL;
  return 0;
}

int cuDeviceGetAttribute(int* value, int attribute, int device) {
#ifdef WILD
  *value = -2147483647 - 1;
#else
  switch (attribute) {
    case 16: *value = 108; break;
    case 20: *value = 0; break;
    case 32: *value = 1; break;
    case 75: *value = 8; break;
    case 76: *value = 0; break;
    default: return 1;
  }
#endif
  return 0;
}
#endif
