# The libraries that are built from source lie in one prefix outside the tree; cmake/third_party.sh makes it and says where.
if(NOT HPCENV_THIRD_PARTY)
  execute_process(COMMAND "${CMAKE_SOURCE_DIR}/cmake/third_party.sh" --prefix
    OUTPUT_VARIABLE HPCENV_THIRD_PARTY OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(HPCENV_THIRD_PARTY "${HPCENV_THIRD_PARTY}" CACHE PATH "prefix of the libraries built from source")
endif()
if(NOT EXISTS "${HPCENV_THIRD_PARTY}/complete")
  message(FATAL_ERROR "third-party libraries are missing in ${HPCENV_THIRD_PARTY}; run ./bootstrap deps")
endif()

# hpcenv_static_library(NAME FILES... [DEFINES ...] [NEEDS ...]): an imported target; FILES are looked for in our prefix first, then
# among Debian's static libraries.
function(hpcenv_static_library name)
  cmake_parse_arguments(arg "" "" "FILES;DEFINES;NEEDS" ${ARGN})
  add_library(third_party::${name} INTERFACE IMPORTED GLOBAL)
  foreach(file IN LISTS arg_FILES)
    find_library(HPCENV_LIBRARY_${file} NAMES lib${file}.a PATHS "${HPCENV_THIRD_PARTY}/lib" NO_CMAKE_FIND_ROOT_PATH REQUIRED)
    target_link_libraries(third_party::${name} INTERFACE "${HPCENV_LIBRARY_${file}}")
  endforeach()
  target_include_directories(third_party::${name} SYSTEM INTERFACE "${HPCENV_THIRD_PARTY}/include")
  target_compile_definitions(third_party::${name} INTERFACE ${arg_DEFINES})
  target_link_libraries(third_party::${name} INTERFACE ${arg_NEEDS})
endfunction()

find_package(Threads REQUIRED)
hpcenv_static_library(z FILES z)
hpcenv_static_library(bz2 FILES bz2)
hpcenv_static_library(lzma FILES lzma)
hpcenv_static_library(zstd FILES zstd)
hpcenv_static_library(crypto FILES crypto NEEDS ${CMAKE_DL_LIBS} Threads::Threads)
hpcenv_static_library(ssl FILES ssl NEEDS third_party::crypto)
hpcenv_static_library(nghttp2 FILES nghttp2)
hpcenv_static_library(cares FILES cares)
hpcenv_static_library(fmt FILES fmt)
hpcenv_static_library(yaml_cpp FILES yaml-cpp)
hpcenv_static_library(simdjson FILES simdjson)
hpcenv_static_library(archive FILES archive
  NEEDS third_party::crypto third_party::zstd third_party::lzma third_party::bz2 third_party::z)
hpcenv_static_library(curl FILES curl DEFINES CURL_STATICLIB
  NEEDS third_party::nghttp2 third_party::cares third_party::ssl third_party::zstd third_party::z)
# libsolv names a member of a struct `requires`, a keyword since C++20; the define renames it for C++ users.
hpcenv_static_library(solv FILES solvext solv DEFINES LIBSOLV_SOLVABLE_PREPEND_DEP NEEDS third_party::zstd third_party::bz2 third_party::z)

# What each module of src/ links beside the modules below it.
set(HPCENV_LINKS_base third_party::archive third_party::zstd third_party::yaml_cpp third_party::simdjson third_party::crypto
  third_party::fmt Threads::Threads)
set(HPCENV_LINKS_net third_party::curl)
set(HPCENV_LINKS_solve third_party::solv)
