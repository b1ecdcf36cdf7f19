export HOMETEL="$CONDA_PREFIX/opt/telemac"
export SYSTELCFG="$HOMETEL/configs/systel.cfg"
export USETELCFG=gnu.dynamic
export LD_LIBRARY_PATH="$HOMETEL/lib:${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$HOMETEL/wrap"
export PYTHONPATH="$HOMETEL/python3${PYTHONPATH:+:$PYTHONPATH}"
export PATH="$HOMETEL/python3:$PATH"
