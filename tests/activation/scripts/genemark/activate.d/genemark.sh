if [ ! -e "$HOME/.gm_key" ]; then
  cp "$CONDA_PREFIX/share/genemark/gm_key" "$HOME/.gm_key"
fi
