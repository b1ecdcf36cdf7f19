# shellcheck shell=bash disable=SC2034
# libsolv: the SAT solver. Debian ships no static archive and builds it without conda's match specs.
package=libsolv
minimum=0.7.23
build() {
  cmake_build -DENABLE_STATIC=ON -DDISABLE_SHARED=ON -DENABLE_CONDA=ON
}
