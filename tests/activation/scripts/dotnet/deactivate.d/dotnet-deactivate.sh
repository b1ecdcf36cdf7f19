PATH="$(printf '%s' "${PATH}" | sed -e "s|${DOTNET_ROOT}:||" -e "s|${DOTNET_TOOLS}:||")"
export PATH
