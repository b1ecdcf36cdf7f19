TWO_LINES='one
+ export FORGED=1
two'
QUOTES='it'\''s "$HOME" `date` \ !'
export TWO_LINES QUOTES
