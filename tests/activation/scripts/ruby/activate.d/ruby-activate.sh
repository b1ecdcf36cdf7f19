if [ -n "$GEM_HOME" ]; then export CONDA_RUBY_GEM_HOME_BACKUP="$GEM_HOME"; fi
export GEM_HOME="$CONDA_PREFIX/share/rubygems"
export PATH="$GEM_HOME/bin:$PATH"
