#!/usr/bin/env bash
export CARGO_HOME=${CARGO_HOME:-${CONDA_PREFIX}/.cargo}
export CARGO_CONFIG=${CARGO_CONFIG:-${CARGO_HOME}/config.toml}
export RUSTUP_HOME=${RUSTUP_HOME:-${CARGO_HOME}/rustup}
[[ -d ${CARGO_HOME}/bin ]] || mkdir -p "${CARGO_HOME}/bin"

_rust_triple=x86_64-unknown-linux-gnu
_rust_upper=X86_64_UNKNOWN_LINUX_GNU
export CARGO_BUILD_TARGET=${CARGO_BUILD_TARGET:-${_rust_triple}}
export "CARGO_TARGET_${_rust_upper}_LINKER=${CC:-cc}"
export "CARGO_TARGET_${_rust_upper}_RUSTFLAGS=-C link-arg=-Wl,-rpath-link,${CONDA_PREFIX}/lib"
export "CC_x86_64_unknown_linux_gnu=${CC:-cc}"
export "CXX_x86_64_unknown_linux_gnu=${CXX:-c++}"
export "AR_x86_64_unknown_linux_gnu=${AR:-ar}"
export "CFLAGS_x86_64_unknown_linux_gnu=${CFLAGS}"
export "CXXFLAGS_x86_64_unknown_linux_gnu=${CXXFLAGS}"
export "CPPFLAGS_x86_64_unknown_linux_gnu=${CPPFLAGS}"
export HOST_CC=${CC:-cc} HOST_CXX=${CXX:-c++}
export CARGO_BUILD_RUSTC=${CONDA_PREFIX}/bin/rustc
export CARGO_BUILD_RUSTDOC=${CONDA_PREFIX}/bin/rustdoc
export CARGO_NET_GIT_FETCH_WITH_CLI=true
export CARGO_PROFILE_RELEASE_DEBUG=false
export CARGO_TERM_PROGRESS_WHEN=never
export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0}
export PATH=${CARGO_HOME}/bin:${PATH}
