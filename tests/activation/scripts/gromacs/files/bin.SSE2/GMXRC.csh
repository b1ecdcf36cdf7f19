setenv GMXBIN @PREFIX@/bin.SSE2
setenv PATH @PREFIX@/bin.SSE2:$PATH
