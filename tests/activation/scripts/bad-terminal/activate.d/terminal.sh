if [ -t 0 ] && [ -t 1 ]; then
  read -r -p "Send statistics? " _answer
  export ON_TERMINAL="yes${_answer}"
  stty -echo
  stty echo
else
  export ON_TERMINAL=no
fi
