target_compile_definitions(hpcenv_cli PUBLIC HPCENV_VERSION="${PROJECT_VERSION}")
# The third-party libraries and their versions, as cmake/third_party.sh wrote them: for `hpcenv version`.
hpcenv_embed(hpcenv_cli third_party "${HPCENV_THIRD_PARTY}/versions")
