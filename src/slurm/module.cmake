file(GLOB templates CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/slurm/*.sh")
hpcenv_embed(hpcenv_slurm slurm ${templates})
