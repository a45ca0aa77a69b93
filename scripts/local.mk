# Set-up, demo and tests as the README gives them.
EXTRA_DIST += scripts/setup.sh scripts/demo.sh scripts/test.sh scripts/gpu_check.sh
