# The libcuda helper: a dynamic program that the host's own loader starts, also when hpcenv itself is static. Linked against
# stub libraries, so that whatever glibc this machine has, the program needs none newer than the first of its architecture.
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  set(probe_symbols GLIBC_2.17)
else()
  set(probe_symbols GLIBC_2.2.5)
endif()
find_program(HPCENV_PROBE_CC NAMES ${CMAKE_SYSTEM_PROCESSOR}-linux-gnu-gcc gcc REQUIRED
  DOC "compiles the libcuda helper: a gcc that makes programs for glibc hosts")

set(probe_sources "${CMAKE_CURRENT_SOURCE_DIR}/src/host/probe")
set(probe_folder "${CMAKE_CURRENT_BINARY_DIR}/host_probe")
set(probe_map "${probe_folder}/probe_symbols.map")
set(probe_flags -O2 -std=c11 -ffreestanding -fno-builtin -fno-stack-protector -U_FORTIFY_SOURCE -fcf-protection=none)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  list(REMOVE_ITEM probe_flags -fcf-protection=none)
endif()
file(CONFIGURE OUTPUT "${probe_map}" CONTENT "${probe_symbols} { global: *; };\n")

set(probe_stubs "")
foreach(library IN ITEMS libc libdl)
  set(soname libc.so.6)
  if(library STREQUAL libdl)
    set(soname libdl.so.2)
  endif()
  add_custom_command(
    OUTPUT "${probe_folder}/stub_${library}.so"
    COMMAND ${HPCENV_PROBE_CC} ${probe_flags} -fPIC -shared -nostdlib -Wl,-soname,${soname}
      -Wl,--version-script=${probe_map} -o stub_${library}.so "${probe_sources}/stub_${library}.c"
    DEPENDS "${probe_sources}/stub_${library}.c" "${probe_map}"
    WORKING_DIRECTORY "${probe_folder}" VERBATIM)
  list(APPEND probe_stubs "${probe_folder}/stub_${library}.so")
endforeach()
add_custom_command(
  OUTPUT "${probe_folder}/probe"
  COMMAND ${HPCENV_PROBE_CC} ${probe_flags} -Wall -Wextra -Werror -fPIE -pie -nostdlib -nostartfiles -s -Wl,-z,now
    -Wl,--no-as-needed -Wl,-z,noexecstack -Wl,--build-id=none -o probe "${probe_sources}/probe.c" ${probe_stubs}
  DEPENDS "${probe_sources}/probe.c" ${probe_stubs}
  WORKING_DIRECTORY "${probe_folder}" VERBATIM)
add_custom_target(hpcenv_host_probe DEPENDS "${probe_folder}/probe")
add_dependencies(hpcenv_host hpcenv_host_probe)
hpcenv_embed(hpcenv_host host_probe "${probe_folder}/probe")
