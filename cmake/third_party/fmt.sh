# shellcheck shell=bash disable=SC2034
# fmt: Debian ships no static archive.
package=fmtlib
minimum=9.1
build() {
  cmake_build -DFMT_DOC=OFF -DFMT_TEST=OFF
}
