function _bu_each() {
  local act="$1" tool name path
  shift
  for tool in "$@"; do
    name=$(echo "${tool}" | tr a-z.+- A-Z___)
    path="${CONDA_PREFIX}/bin/x86_64-conda-linux-gnu-${tool}"
    if [ ! -e "${path}" ]; then
      echo "ERROR: this tool is not there: ${path}" >&2
      return 1
    fi
    if [ "${act}" = enter ]; then
      eval "if [ \"\$${name}\" ]; then export CONDA_BACKUP_${name}=\"\$${name}\"; fi"
      eval "export ${name}=\"${path}\""
    fi
  done
}
_bu_each enter addr2line ar as ld ld.gold nm objcopy objdump ranlib readelf size strip
