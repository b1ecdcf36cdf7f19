_arrow_log="false"
_arrow_say() {
  if [ "${_arrow_log}" = "true" ]; then echo "$1"; fi
}
_arrow_source="${CONDA_PREFIX}/share/arrow/gdb/gdb_arrow.py"
# The debugger looks below a folder that repeats the path of the library.
_arrow_placed="${CONDA_PREFIX}/share/gdb/auto-load"
for _arrow_library in "${CONDA_PREFIX}"/lib/libarrow.so.*.*; do
  [ -e "${_arrow_library}" ] || continue
  _arrow_link="${_arrow_placed}${_arrow_library}-gdb.py"
  if [ -L "${_arrow_link}" ] && [ "$(readlink "${_arrow_link}")" = "${_arrow_source}" ]; then
    _arrow_say "it is there"
    continue
  fi
  if mkdir -p "$(dirname "${_arrow_link}")"; then
    ln -sf "${_arrow_source}" "${_arrow_link}" || _arrow_say "it cannot be placed"
  fi
done
unset _arrow_log _arrow_source _arrow_placed _arrow_library _arrow_link
