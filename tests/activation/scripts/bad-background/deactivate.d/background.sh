kill "$(cat "$HOME/background.pid")" 2>/dev/null
unset BACKGROUND_STARTED
