# libtensor
