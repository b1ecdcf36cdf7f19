# shellcheck shell=bash disable=SC2034
# Catch2 3: for the tests; the suite that we develop on has version 2.
package=catch2
minimum=3.4
build() {
  cmake_build -DCATCH_INSTALL_DOCS=OFF -DCATCH_DEVELOPMENT_BUILD=OFF
}
