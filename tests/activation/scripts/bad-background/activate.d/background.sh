# A process that outlives the shell, with its name in a file.
(sleep 300 & echo $! > "$HOME/background.pid") >/dev/null 2>&1 </dev/null
export BACKGROUND_STARTED=1
