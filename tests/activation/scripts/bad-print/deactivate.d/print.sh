echo "Good bye"
unset PRINTED
