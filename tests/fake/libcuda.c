/* A stand-in for libcuda.so.1 without a driver behind it. Compiled by tests/channel/drivers.py with
 * one of: -DHANG_INIT      cuInit never returns            -DHANG_VERSION   cuDriverGetVersion
 * never returns -DCRASH          cuDriverGetVersion dies of SIGSEGV -DSTUB           every function
 * returns 34 and touches nothing, as the stub library of the toolkit does -DNOISY          writes
 * to stdout and stderr on load and on each call -DNO_DEVICE      cuInit returns 100,
 * CUDA_ERROR_NO_DEVICE, as on a login node that has the driver's files and -DVERSION=12040 (what
 * cuDriverGetVersion tells), -DDEVICES=2 (A100s with 80 GB). */
#include <stdio.h>
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
  invalid_value = 1,
  no_device = 100,
  invalid_device = 101,
  attribute_major = 75,
  attribute_minor = 76
};

static void note(const char* name) {
#ifdef NOISY
  printf("libcuda: %s called\n", name);
  fflush(stdout);
  fprintf(stderr, "libcuda warning: %s\n", name);
#else
  (void)name;
#endif
}

#ifdef NOISY
__attribute__((constructor)) static void on_load(void) { note("constructor"); }
#endif

static void sleep_for_ever(void) {
  for (;;) pause();
}

int cuInit(unsigned flags) {
  (void)flags;
#ifdef HANG_INIT
  sleep_for_ever();
#endif
#ifdef NO_DEVICE
  return no_device;
#endif
  ANSWER((void)sleep_for_ever);
}

int cuDriverGetVersion(int* version) {
#ifdef HANG_VERSION
  sleep_for_ever();
#endif
#ifdef CRASH
  *(volatile int*)0 = 1;
#endif
  (void)version;
  ANSWER(*version = VERSION);
}

int cuDeviceGetCount(int* count) {
  (void)count;
  ANSWER(*count = DEVICES);
}

int cuDeviceGet(int* device, int ordinal) {
  if (ordinal < 0 || ordinal >= DEVICES) return invalid_device;
  (void)device;
  ANSWER(*device = ordinal);
}

int cuDeviceGetName(char* name, int length, int device) {
  (void)name, (void)length, (void)device;
  ANSWER(snprintf(name, (size_t)length, "NVIDIA A100-SXM4-80GB"));
}

int cuDeviceGetAttribute(int* value, int attribute, int device) {
  (void)value, (void)attribute, (void)device;
  ANSWER(*value = attribute == attribute_major ? 8 : 0);
}

int cuDeviceTotalMem_v2(size_t* bytes, int device) {
  (void)bytes, (void)device;
  ANSWER(*bytes = (size_t)80 << 30);
}

int cuDeviceGetPCIBusId(char* text, int length, int device) {
  (void)text, (void)length, (void)device;
  ANSWER(snprintf(text, (size_t)length, "0000:%02X:00.0", 0x17 + device));
}

int cuDeviceGetUuid_v2(char* uuid, int device) {
  (void)uuid, (void)device;
  ANSWER(memset(uuid, 0x11 * (device + 1), 16));
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
