/* The helper that asks one libcuda, in its own process:  probe LIBRARY FD STAGE

   LIBRARY  a path, or "libcuda.so.1" for what the loader takes; empty: only the version of libc
   FD       where the answer goes, a JSON object a line, flushed before each call that may not
            return
   STAGE    "version": dlopen and cuDriverGetVersion; "devices": cuInit and the devices besides;
            "management": LIBRARY is a libnvidia-ml, nvmlInit and the GPUs

   It is linked against stub libraries, so that it needs no symbol newer than the first glibc of its
   architecture. It has no constructors and no stdio: stdout and stderr may carry the noise of the
   library. It never calls dlclose (driver 555 unmaps code under a running thread) and leaves by
   _exit. */
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

extern void* dlopen(const char* path, int flags);
extern void* dlsym(void* handle, const char* name);
extern char* dlerror(void);
extern int dladdr(const void* address, void* info);
extern const char* gnu_get_libc_version(void);
extern long write(int fd, const void* bytes, size_t length);
extern long syscall(long number, ...);
extern void _exit(int code) __attribute__((noreturn));
typedef int (*main_function)(int argc, char** argv, char** environment);
extern int __libc_start_main(main_function main, int argc, char** argv, void (*init)(void),
                             void (*fini)(void), void (*rtld_fini)(void), void* stack_end);

enum {
  rtld_now = 2,
  clock_monotonic = 1,
  set_fd_flags = 2,
  close_on_exec = 1,
  max_devices = 64,
  attribute_unknown = -1
};

/* CUdevice_attribute */
enum {
  multiprocessor_count = 16,
  integrated = 18,
  compute_mode = 20,
  ecc_enabled = 32,
  capability_major = 75,
  capability_minor = 76,
  mps_enabled = 133
};

enum { nvml_uuid_size = 96, nvml_not_found = 6, max_slices = 16 };

struct address_info {
  const char* file;
  void* base;
  const char* symbol;
  void* symbol_address;
};

typedef int (*function)();

static char buffer[4096];
static size_t used;
static int answer_fd;

static void flush(void) {
  size_t done = 0;
  while (done < used) {
    const long count = write(answer_fd, buffer + done, used - done);
    if (count <= 0) break;
    done += (size_t)count;
  }
  used = 0;
}

static void put(char c) {
  if (used == sizeof buffer) flush();
  buffer[used++] = c;
}

static void text(const char* s) {
  while (*s) put(*s++);
}

static void number(long value) {
  char digits[24];
  int count = 0;
  unsigned long rest = value < 0 ? 0UL - (unsigned long)value : (unsigned long)value;
  if (value < 0) put('-');
  do digits[count++] = (char)('0' + rest % 10);
  while (rest /= 10);
  while (count) put(digits[--count]);
}

static void hex(unsigned byte) {
  put("0123456789abcdef"[byte >> 4 & 15U]);
  put("0123456789abcdef"[byte & 15U]);
}

/* Bytes outside printable ASCII are written as code points of the same number: always valid JSON.
 */
static void quoted(const char* s, size_t limit) {
  put('"');
  for (size_t i = 0; s && i < limit && s[i]; ++i) {
    const unsigned char c = (unsigned char)s[i];
    if (c == '"' || c == '\\') {
      put('\\');
      put((char)c);
    } else if (c < 0x20 || c >= 0x7f) {
      text("\\u00");
      hex(c);
    } else {
      put((char)c);
    }
  }
  put('"');
}

static void step(const char* name) {
  text("{\"step\":\"");
  text(name);
  put('"');
}

static void string_member(const char* key, const char* value) {
  text(",\"");
  text(key);
  text("\":");
  quoted(value, 1024);
}

static void number_member(const char* key, long value) {
  text(",\"");
  text(key);
  text("\":");
  number(value);
}

static void end_step(void) {
  text("}\n");
  flush();
}

static long milliseconds(void) {
  struct {
    int64_t seconds;
    int64_t nanoseconds;
  } now = {0, 0};
  syscall(SYS_clock_gettime, clock_monotonic, &now);
  return (long)(now.seconds * 1000 + now.nanoseconds / 1000000);
}

static function find(void* library, const char* name) {
  return (function)(uintptr_t)dlsym(library, name);
}

static function require(void* library, const char* name) {
  const function found = find(library, name);
  if (!found) {
    step("no_symbol");
    string_member("name", name);
    end_step();
    _exit(0);
  }
  return found;
}

static long attribute(function get, int which, int device) {
  int value = attribute_unknown;
  return get(&value, which, device) == 0 ? value : attribute_unknown;
}

/* MIG slices are known by their name alone: the bytes of a uuid do not say what they name. */
static void uuid_member(void* library, int device, const char* name) {
  unsigned char bytes[16] = {0};
  function get = find(library, "cuDeviceGetUuid_v2");
  if (!get) get = find(library, "cuDeviceGetUuid");
  if (!get || get(bytes, device) != 0) return;
  int sliced = 0;
  for (const char* s = name; s[0] && s[1] && s[2] && s[3]; ++s) {
    if (s[0] == 'M' && s[1] == 'I' && s[2] == 'G' && s[3] == ' ') sliced = 1;
  }
  text(",\"uuid\":\"");
  text(sliced ? "MIG-" : "GPU-");
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) put('-');
    hex(bytes[i]);
  }
  put('"');
}

static void tell_device(void* library, int index) {
  static char name[256];
  static char bus[64];
  int device = index;
  size_t memory = 0;
  const function get = find(library, "cuDeviceGet");
  const function get_name = find(library, "cuDeviceGetName");
  const function get_attribute = find(library, "cuDeviceGetAttribute");
  const function get_memory = find(library, "cuDeviceTotalMem_v2");
  const function get_bus = find(library, "cuDeviceGetPCIBusId");
  if (get && get(&device, index) != 0) return;
  name[0] = bus[0] = 0;
  if (get_name) get_name(name, (int)sizeof name - 1, device);
  if (get_bus) get_bus(bus, (int)sizeof bus - 1, device);
  if (get_memory) get_memory(&memory, device);
  name[sizeof name - 1] = bus[sizeof bus - 1] = 0;
  step("device");
  number_member("index", index);
  string_member("name", name);
  uuid_member(library, device, name);
  string_member("pci", bus);
  number_member("memory", (long)memory);
  if (get_attribute) {
    number_member("major", attribute(get_attribute, capability_major, device));
    number_member("minor", attribute(get_attribute, capability_minor, device));
    number_member("multiprocessors", attribute(get_attribute, multiprocessor_count, device));
    number_member("mode", attribute(get_attribute, compute_mode, device));
    number_member("ecc", attribute(get_attribute, ecc_enabled, device));
    number_member("integrated", attribute(get_attribute, integrated, device));
    number_member("mps", attribute(get_attribute, mps_enabled, device));
  }
  end_step();
}

static void tell_devices(void* library) {
  const function init = require(library, "cuInit");
  const function get_count = require(library, "cuDeviceGetCount");
  const long before = milliseconds();
  const int code = init(0);
  step("init");
  number_member("code", code);
  number_member("milliseconds", milliseconds() - before);
  end_step();
  if (code != 0) return;
  int count = 0;
  const int count_code = get_count(&count);
  step("count");
  number_member("code", count_code);
  number_member("count", count);
  end_step();
  if (count_code != 0) return;
  for (int i = 0; i < count && i < max_devices; ++i) tell_device(library, i);
}

/* A number that an NVML function of (device, number*) gives. */
static void managed_number(void* library, const char* name, const char* key, void* device) {
  unsigned value = 0;
  const function get = find(library, name);
  if (get && get(device, &value) == 0) number_member(key, (long)value);
}

/* How many slices there are: the driver keeps a place for each that there could be. */
static void managed_slices(void* library, void* device) {
  unsigned current = 0;
  unsigned pending = 0;
  unsigned places = 0;
  const function get_mode = find(library, "nvmlDeviceGetMigMode");
  const function get_places = find(library, "nvmlDeviceGetMaxMigDeviceCount");
  const function get_slice = find(library, "nvmlDeviceGetMigDeviceHandleByIndex");
  if (!get_mode || get_mode(device, &current, &pending) != 0) return;
  number_member("mig", (long)current);
  if (!current || !get_places || !get_slice || get_places(device, &places) != 0) return;
  long count = 0;
  for (unsigned i = 0; i < places && i < max_slices; ++i) {
    void* slice = 0;
    if (get_slice(device, i, &slice) == 0) ++count;
  }
  number_member("slices", count);
}

static void tell_managed(void* library, unsigned index) {
  static char uuid[nvml_uuid_size];
  struct {
    unsigned long long total, free, used;
  } memory = {0, 0, 0};
  void* device = 0;
  const function get_device = find(library, "nvmlDeviceGetHandleByIndex_v2");
  const function get_uuid = find(library, "nvmlDeviceGetUUID");
  const function get_memory = find(library, "nvmlDeviceGetMemoryInfo");
  const int code = get_device ? get_device(index, &device) : nvml_not_found;
  const int memory_code = code == 0 && get_memory ? get_memory(device, &memory) : nvml_not_found;
  step("managed");
  number_member("index", (long)index);
  /* A GPU that fell off the bus has a handle still; only questions to it fail. */
  number_member("code", code == 0 && (memory_code == 15 || memory_code == 16) ? memory_code : code);
  if (code == 0) {
    uuid[0] = 0;
    if (get_uuid && get_uuid(device, uuid, nvml_uuid_size) == 0) {
      uuid[nvml_uuid_size - 1] = 0;
      string_member("uuid", uuid);
    }
    managed_number(library, "nvmlDeviceGetBrand", "brand", device);
    managed_number(library, "nvmlDeviceGetPersistenceMode", "persistence", device);
    managed_slices(library, device);
  }
  if (memory_code == 0) {
    number_member("total", (long)memory.total);
    number_member("free", (long)memory.free);
  }
  end_step();
}

static void tell_management(void* library) {
  const function init = require(library, "nvmlInit_v2");
  const function get_count = require(library, "nvmlDeviceGetCount_v2");
  unsigned count = 0;
  int code = init();
  if (code == 0) code = get_count(&count);
  step("management");
  number_member("code", code);
  end_step();
  for (unsigned i = 0; code == 0 && i < count && i < max_devices; ++i) tell_managed(library, i);
}

static void* load(const char* path) {
  void* library = dlopen(path, rtld_now);
  if (library) return library;
  step("not_loaded");
  string_member("error", dlerror());
  end_step();
  _exit(0);
}

/* The path that the loader chose; what dlopen was given where the address is nobody's. */
static void tell_path(function of, const char* fallback) {
  struct address_info info = {0, 0, 0, 0};
  const int known = dladdr((void*)(uintptr_t)of, &info);
  step("loaded");
  string_member("path", known && info.file ? info.file : fallback);
  end_step();
}

static int run(int argc, char** argv, char** environment) {
  (void)environment;
  if (argc != 4 || argv[2][0] < '0' || argv[2][0] > '9') _exit(2);
  for (const char* digit = argv[2]; *digit; ++digit) answer_fd = answer_fd * 10 + (*digit - '0');
  /* cuInit may start nvidia-modprobe, which must not hold the pipe open. */
  syscall(SYS_fcntl, answer_fd, set_fd_flags, close_on_exec);
  step("start");
  string_member("glibc", gnu_get_libc_version());
  end_step();
  if (!argv[1][0]) _exit(0);
  void* library = load(argv[1]);
  if (argv[3][0] == 'm') {
    tell_management(library);
    step("end");
    end_step();
    _exit(0);
  }
  const function get_version = require(library, "cuDriverGetVersion");
  tell_path(get_version, argv[1]);
  int version = -1;
  const int code = get_version(&version);
  step("version");
  number_member("code", code);
  number_member("version", version);
  end_step();
  if (argv[3][0] == 'd') tell_devices(library);
  step("end");
  end_step();
  _exit(0);
}

__attribute__((used, visibility("hidden"))) void probe_start(long* stack, void (*rtld_fini)(void)) {
  __libc_start_main(run, (int)stack[0], (char**)(stack + 1), NULL, NULL, rtld_fini, stack);
  _exit(70);
}

#if defined(__x86_64__)
__asm__(
    ".globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n mov %rdx, %rsi\n and $-16, %rsp\n"
    " call probe_start\n hlt\n");
#elif defined(__aarch64__)
__asm__(
    ".globl _start\n_start:\n mov x29, #0\n mov x30, #0\n mov x1, x0\n mov x0, sp\n"
    " bl probe_start\n brk #1\n");
#else
#error "no entry point for this architecture"
#endif
