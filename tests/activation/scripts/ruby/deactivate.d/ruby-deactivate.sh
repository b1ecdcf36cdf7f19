PATH=":$PATH:"
PATH="${PATH/:$CONDA_PREFIX\/share\/rubygems\/bin:/:}"
PATH="${PATH#:}"
export PATH="${PATH%:}"
if [ -n "$CONDA_RUBY_GEM_HOME_BACKUP" ]; then
  export GEM_HOME="$CONDA_RUBY_GEM_HOME_BACKUP"
  unset CONDA_RUBY_GEM_HOME_BACKUP
else
  unset GEM_HOME
fi
