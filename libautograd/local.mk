# libautograd
