target_compile_definitions(hpcenv_cli PUBLIC HPCENV_VERSION="${PROJECT_VERSION}")
# What is linked in, and which version: for `hpcenv version`.
hpcenv_embed(hpcenv_cli third_party "${HPCENV_DEPENDENCY_VERSIONS}")
