export BEFORE_LONG=1
printf -v LONG_VALUE '%100000s' ''
export LONG_VALUE="${LONG_VALUE// /ab}"
