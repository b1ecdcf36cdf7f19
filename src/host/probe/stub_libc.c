/* Stands for libc.so.6 when the probe is linked: names with the first symbol version of the
   architecture (probe_symbols.map), never loaded. */
void __libc_start_main(void) {}
void _exit(void) {}
void gnu_get_libc_version(void) {}
void syscall(void) {}
void write(void) {}
