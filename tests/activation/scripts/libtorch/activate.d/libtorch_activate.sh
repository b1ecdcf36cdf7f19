if [ -z "${TORCH_CUDA_ARCH_LIST:+x}" ]; then
  export TORCH_CUDA_ARCH_LIST="5.0;6.0;7.0;7.5;8.0;8.6;9.0+PTX"
  export TORCH_CUDA_ARCH_LIST_CONDA_SET="1"
fi
