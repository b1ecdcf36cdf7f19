# shellcheck shell=bash disable=SC2034
# simdjson: Debian ships no static archive.
package=simdjson
minimum=3.0
build() {
  cmake_build -DSIMDJSON_DEVELOPER_MODE=OFF
}
