# The networks' speed: tests/bench, tests/bench_size (cost against size), and scripts/bench_vs_torch.sh against PyTorch's.
check_PROGRAMS += tests/bench
tests_bench_SOURCES = tests/bench.c tests/bench.h tests/bench_measure.c tests/bench_profile.c tests/bench_rows.c
tests_bench_LDADD = $(app_libs)

check_PROGRAMS += tests/bench_size
tests_bench_size_SOURCES = tests/bench_size.c tests/bench.h tests/bench_measure.c tests/bench_profile.c tests/bench_rows.c
tests_bench_size_LDADD = $(app_libs)
EXTRA_DIST += scripts/bench_vs_torch.sh

dist_check_SCRIPTS += tests/test_bench.sh
TESTS += tests/test_bench.sh
