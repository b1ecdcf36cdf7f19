echo "Thank you for using this package"
echo "Please cite us" >&2
printf 'export NOT_MEANT=1\n'
export PRINTED=yes
