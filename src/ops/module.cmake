file(GLOB recipes CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/recipes/*.yml")
hpcenv_embed(hpcenv_ops recipes ${recipes})
