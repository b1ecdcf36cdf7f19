#!/bin/bash
#@directives
# shellcheck disable=SC1003,SC2016,SC2317,SC2329

# A job for the environment @ENVIRONMENT@, written by hpcenv @VERSION@.
# It is yours: read it, change it, keep it, submit it with `sbatch`. It needs no `conda init` and no hpcenv on the node.

#@start

#@head
# The activation of the environment, without any conda.
#@activation

#@network
#@check
#@launch
