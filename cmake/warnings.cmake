# One interface target that every target of ours links.
add_library(hpcenv_warnings INTERFACE)
target_compile_options(hpcenv_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual>)
