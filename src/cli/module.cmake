target_compile_definitions(hpcenv_cli PUBLIC HPCENV_VERSION="${PROJECT_VERSION}")
