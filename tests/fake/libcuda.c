/* A stand-in for libcuda.so.1 without a driver behind it: two A100 with 80 GB, CUDA 12.4, heeding
   CUDA_VISIBLE_DEVICES=1 alone. Compiled by tests/channel/drivers.py and tests/unit/host with

   -DVERSION=N -DDEVICES=N  other numbers
   -DNO_DEVICE    cuInit returns 100, as on a login node that has the driver's files
   -DINIT_CODE=N  cuInit returns N
   -DBAD_VISIBLE  cuInit returns 101 where CUDA_VISIBLE_DEVICES is set
   -DNEEDS_CLEAN_PATH   cuInit returns 999 where LD_LIBRARY_PATH names a folder "compat"
   -DSTUB         every function returns 34 and touches nothing, as the toolkit's stub does
   -DNO_VERSION   a library without cuDriverGetVersion
   -DHANG_LOAD -DHANG_VERSION -DHANG_INIT      loading or that function never returns
   -DCRASH -DCRASH_INIT -DEXIT_INIT            cuDriverGetVersion or cuInit ends the process
   -DLEAVES_CHILD cuInit starts a process that outlives its parent
   -DNOISY        writes to stdout and stderr on load and on each call, and lies there
   -DWILD         numbers and names that no driver gives
   -DQUOTES       names with what JSON has to escape */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION 12040
#endif
#ifndef DEVICES
#define DEVICES 2
#endif
#ifdef STUB
#define ANSWER(...) return 34
#else
#define ANSWER(...) \
  do {              \
    note(__func__); \
    __VA_ARGS__;    \
    return 0;       \
  } while (0)
#endif

enum {
  no_device = 100,
  invalid_device = 101,
  multiprocessor_count = 16,
  ecc_enabled = 32,
  capability_major = 75
};

static void note(const char* name) {
#ifdef NOISY
  for (int i = 0; i < 10000; ++i) fprintf(stderr, "libcuda warning: %s\n", name);
  printf("{\"step\":\"version\",\"code\":0,\"version\":99990}\n");
  fflush(stdout);
#else
  (void)name;
#endif
}

static void sleep_for_ever(void) {
  for (;;) pause();
}

#if defined(NOISY)
__attribute__((constructor)) static void on_load(void) { note("constructor"); }
#elif defined(HANG_LOAD)
__attribute__((constructor)) static void on_load(void) { sleep_for_ever(); }
#endif

int cuInit(unsigned flags) {
  (void)flags;
#if defined(HANG_INIT)
  sleep_for_ever();
#elif defined(NO_DEVICE)
  return no_device;
#elif defined(INIT_CODE)
  return INIT_CODE;
#elif defined(BAD_VISIBLE)
  if (getenv("CUDA_VISIBLE_DEVICES")) return invalid_device;
#elif defined(NEEDS_CLEAN_PATH)
  const char* search = getenv("LD_LIBRARY_PATH");
  if (search && strstr(search, "/compat")) return 999;
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
  ANSWER((void)sleep_for_ever);
}

#ifndef NO_VERSION
int cuDriverGetVersion(int* version) {
#if defined(HANG_VERSION)
  sleep_for_ever();
#elif defined(CRASH)
  *(volatile int*)0 = 1;
#endif
  (void)version;
#ifdef WILD
  ANSWER(*version = 2147483647);
#else
  ANSWER(*version = VERSION);
#endif
}
#endif

int cuDeviceGetCount(int* count) {
  (void)count;
#if defined(STUB)
  return 34;
#elif defined(WILD)
  ANSWER(*count = 1000000);
#else
  const char* visible = getenv("CUDA_VISIBLE_DEVICES");
  ANSWER(*count = visible && strcmp(visible, "1") == 0 ? 1 : DEVICES);
#endif
}

int cuDeviceGet(int* device, int ordinal) {
#ifndef WILD
  if (ordinal < 0 || ordinal >= DEVICES) return invalid_device;
#endif
  (void)device, (void)ordinal;
  ANSWER(*device = ordinal);
}

int cuDeviceGetName(char* name, int length, int device) {
  (void)name, (void)length, (void)device;
#if defined(STUB)
  return 34;
#elif defined(WILD)
  ANSWER(memset(name, 0xfe, (size_t)length));
#elif defined(QUOTES)
  ANSWER(snprintf(name, (size_t)length, "NVIDIA \"A100\"\\SXM4\t80GB"));
#else
  ANSWER(snprintf(name, (size_t)length, "NVIDIA A100-SXM4-80GB"));
#endif
}

int cuDeviceGetAttribute(int* value, int attribute, int device) {
  (void)value, (void)attribute, (void)device;
#ifdef WILD
  ANSWER(*value = -2147483647 - 1);
#else
  ANSWER(*value = attribute == capability_major       ? 8
                  : attribute == multiprocessor_count ? 108
                  : attribute == ecc_enabled          ? 1
                                                      : 0);
#endif
}

int cuDeviceTotalMem_v2(size_t* bytes, int device) {
  (void)bytes, (void)device;
  ANSWER(*bytes = (size_t)80 << 30);
}

int cuDeviceGetPCIBusId(char* text, int length, int device) {
  (void)text, (void)length, (void)device;
#ifdef STUB
  return 34;
#else
  ANSWER(snprintf(text, (size_t)length, "0000:%02X:00.0", 0x17 + device));
#endif
}

int cuDeviceGetUuid_v2(char* uuid, int device) {
  (void)uuid, (void)device;
#ifdef STUB
  return 34;
#else
  ANSWER(memset(uuid, 0x11 * (device + 1), 16));
#endif
}

int cuDeviceGetUuid(char* uuid, int device) { return cuDeviceGetUuid_v2(uuid, device); }

int cuGetErrorName(int error, const char** text) {
  (void)error, (void)text;
  ANSWER(*text = error == no_device ? "CUDA_ERROR_NO_DEVICE" : "CUDA_ERROR_UNKNOWN");
}

int cuGetErrorString(int error, const char** text) {
  (void)error, (void)text;
  ANSWER(*text = error == no_device ? "no CUDA-capable device is detected" : "unknown error");
}
