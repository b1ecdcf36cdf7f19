# The libraries that are built from source lie in one prefix outside the tree; cmake/third_party.sh makes it and says where.
# A cache entry HPCENV_THIRD_PARTY names another prefix.
if(NOT HPCENV_THIRD_PARTY)
  file(GLOB scripts CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/cmake/third_party/*.sh")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/cmake/third_party.sh" ${scripts})
  execute_process(COMMAND "${CMAKE_SOURCE_DIR}/cmake/third_party.sh" --prefix
    OUTPUT_VARIABLE HPCENV_THIRD_PARTY OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()
if(NOT EXISTS "${HPCENV_THIRD_PARTY}/complete" AND (HPCENV_TESTS OR NOT EXISTS "${HPCENV_THIRD_PARTY}/complete-program"))
  message(FATAL_ERROR "third-party libraries are missing in ${HPCENV_THIRD_PARTY}; run ./bootstrap deps build test")
endif()

# hpcenv_static_library(NAME FILE [DEFINES ...] [NEEDS ...]): the imported target third_party::NAME for libFILE.a, which is
# looked for in our prefix first, then among Debian's static libraries.
function(hpcenv_static_library name file)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "DEFINES;NEEDS")
  unset(library)
  find_library(library NAMES lib${file}.a PATHS "${HPCENV_THIRD_PARTY}/lib" NO_DEFAULT_PATH NO_CACHE)
  if(NOT library)
    find_library(library NAMES lib${file}.a NO_CACHE)
  endif()
  if(NOT library)
    message(FATAL_ERROR "lib${file}.a is missing; run ./bootstrap deps")
  endif()
  add_library(third_party::${name} STATIC IMPORTED GLOBAL)
  set_target_properties(third_party::${name} PROPERTIES IMPORTED_LOCATION "${library}")
  target_include_directories(third_party::${name} SYSTEM INTERFACE "${HPCENV_THIRD_PARTY}/include")
  target_compile_definitions(third_party::${name} INTERFACE ${arg_DEFINES})
  target_link_libraries(third_party::${name} INTERFACE ${arg_NEEDS})
endfunction()

# hpcenv_without_unwind_tables(NAME...): in the static program, third_party::NAME links a copy without .eh_frame. That is for
# C code that no exception passes through; in OpenSSL it takes 450 KB.
function(hpcenv_without_unwind_tables)
  if(NOT HPCENV_STATIC)
    return()
  endif()
  foreach(name IN LISTS ARGN)
    get_target_property(library third_party::${name} IMPORTED_LOCATION)
    get_filename_component(file "${library}" NAME)
    set(copy "${CMAKE_BINARY_DIR}/without_unwind_tables/${file}")
    if("${library}" IS_NEWER_THAN "${copy}")
      file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/without_unwind_tables")
      execute_process(COMMAND ${CMAKE_OBJCOPY} --remove-section=.eh_frame --remove-section=.rela.eh_frame "${library}" "${copy}"
        COMMAND_ERROR_IS_FATAL ANY)
    endif()
    set_target_properties(third_party::${name} PROPERTIES IMPORTED_LOCATION "${copy}")
  endforeach()
endfunction()

find_package(Threads REQUIRED)
hpcenv_static_library(z z)
hpcenv_static_library(bz2 bz2)
hpcenv_static_library(lzma lzma)
hpcenv_static_library(zstd zstd)
hpcenv_static_library(deflate deflate)
hpcenv_static_library(crypto crypto NEEDS ${CMAKE_DL_LIBS} Threads::Threads)
hpcenv_static_library(ssl ssl NEEDS third_party::crypto)
hpcenv_without_unwind_tables(crypto ssl)
hpcenv_static_library(nghttp2 nghttp2)
hpcenv_static_library(cares cares)
hpcenv_static_library(fmt fmt)
hpcenv_static_library(yaml_cpp yaml-cpp)
hpcenv_static_library(simdjson simdjson)
hpcenv_static_library(archive archive
  NEEDS third_party::crypto third_party::zstd third_party::lzma third_party::bz2 third_party::z)
hpcenv_static_library(curl curl DEFINES CURL_STATICLIB
  NEEDS third_party::nghttp2 third_party::cares third_party::ssl third_party::zstd third_party::z)
# libsolv names a member of a struct `requires`, a keyword since C++20; the define renames it for C++ users.
hpcenv_static_library(solv_core solv NEEDS third_party::zstd third_party::bz2 third_party::z)
hpcenv_static_library(solv solvext DEFINES LIBSOLV_SOLVABLE_PREPEND_DEP NEEDS third_party::solv_core)

# Debian's archive: what packs blocks there is not linked, that part is ours (docs/decisions/0027).
hpcenv_static_library(squashfs squashfs NEEDS Threads::Threads)

# "name version" of all that is linked into the program, one a line, for `hpcenv version --json`.
file(STRINGS "${HPCENV_THIRD_PARTY}/versions" versions)
list(FILTER versions EXCLUDE REGEX "^catch2 ")
foreach(pair IN ITEMS openssl=libssl-dev nghttp2=libnghttp2-dev c-ares=libc-ares-dev yaml-cpp=libyaml-cpp-dev
    zstd=libzstd-dev bzip2=libbz2-dev xz=liblzma-dev zlib=zlib1g-dev libdeflate=libdeflate-dev nlohmann-json=nlohmann-json3-dev cli11=libcli11-dev
    squashfs-tools-ng=libsquashfs-dev glibc=libc6-dev)
  string(REPLACE "=" ";" pair "${pair}")
  list(GET pair 0 name)
  list(GET pair 1 package)
  execute_process(COMMAND dpkg-query -W -f "\${Version}" ${package} OUTPUT_VARIABLE version COMMAND_ERROR_IS_FATAL ANY)
  list(APPEND versions "${name} ${version}")
endforeach()
list(SORT versions)
list(JOIN versions "\n" versions)
set(HPCENV_DEPENDENCY_VERSIONS "${CMAKE_BINARY_DIR}/dependencies.txt")
file(CONFIGURE OUTPUT "${HPCENV_DEPENDENCY_VERSIONS}" CONTENT "${versions}\n" @ONLY)

# What each module of src/ links beside the modules below it.
set(HPCENV_LINKS_base third_party::archive third_party::zstd third_party::deflate third_party::yaml_cpp third_party::simdjson third_party::crypto
  third_party::fmt Threads::Threads)
set(HPCENV_LINKS_net third_party::curl)
set(HPCENV_LINKS_solve third_party::solv)
set(HPCENV_LINKS_image third_party::squashfs)
