# >>> conda initialize >>>
# <<< conda initialize <<<
export LD_PRELOAD=$HOME/lib/libtcmalloc.so.4
