#!/bin/bash
# Makes seeds/elf again, with gcc and binutils: make_elf_seeds.sh
# Small, so that the fuzzer stays below its max_len: a library with GPU code, versions and a run path; the same
# without section headers, as strippers of sections leave it; a program with a loader and the older DT_RPATH.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

cat > library.c <<CODE
__asm__(".section .nv_fatbin,\"a\"\n.incbin \"$here/seeds/fatbin/kernel-90a.fatbin\"\n.previous");
extern int puts(const char*);
int hpcenv_seed(void) { return puts("x"); }
CODE
cat > versions <<'CODE'
SEED_1 { global: hpcenv_seed; local: *; };
SEED_2 {} SEED_1;
CODE
echo 'void _start(void) { for (;;) {} }' > program.c

small=(-Os -nostartfiles -s -fno-ident -fno-asynchronous-unwind-tables "-Wl,-z,noseparate-code" "-Wl,-z,norelro"
  "-Wl,--build-id=none")
# The run path is the loader's to expand.
# shellcheck disable=SC2016
gcc "${small[@]}" -shared -fPIC -Wl,-soname,libseed.so.1 -Wl,-rpath,'$ORIGIN/../lib' -Wl,--version-script=versions \
  -Wl,--hash-style=gnu -o "$here/seeds/elf/library" library.c
gcc "${small[@]}" -pie -fPIE -Wl,--disable-new-dtags -Wl,-rpath,/opt/lib -o "$here/seeds/elf/program" program.c
sections=$(od -A n -t u8 -j 40 -N 8 "$here/seeds/elf/library" | tr -d ' ')
head -c "$sections" "$here/seeds/elf/library" > "$here/seeds/elf/library_without_sections"
# e_shoff, then e_shentsize to e_shstrndx.
head -c 8 /dev/zero | dd of="$here/seeds/elf/library_without_sections" bs=1 seek=40 conv=notrunc status=none
head -c 6 /dev/zero | dd of="$here/seeds/elf/library_without_sections" bs=1 seek=58 conv=notrunc status=none
chmod 644 "$here"/seeds/elf/*
