/* Stands for libdl.so.2 when the probe is linked. Up to glibc 2.33 dlopen lives there, later the
   file remains and forwards the versioned names to libc. */
void dladdr(void) {}
void dlerror(void) {}
void dlopen(void) {}
void dlsym(void) {}
