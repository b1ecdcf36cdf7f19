export FC=""
