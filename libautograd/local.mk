# libautograd: the static graph, its plan, parameters, optimisers. In double too, for the gradient checks.
check_LIBRARIES += libautograd_double.a
noinst_LIBRARIES += libautograd.a

libautograd_a_SOURCES = \
	libautograd/autograd.h libautograd/graph.c libautograd/graph.h \
	libautograd/ops.c libautograd/ops.h \
	libautograd/optim.c libautograd/optim.h \
	libautograd/pack.c libautograd/pack.h \
	libautograd/params.c libautograd/params.h \
	libautograd/plan.c libautograd/plan.h libautograd/plan_bind.c libautograd/plan_dump.c \
	libautograd/plan_fuse.c libautograd/plan_live.c libautograd/plan_steps.c libautograd/plan_types.c \
	libautograd/run.c

libautograd_double_a_SOURCES = $(libautograd_a_SOURCES)
libautograd_double_a_CPPFLAGS = $(AM_CPPFLAGS) -DREAL_IS_DOUBLE
