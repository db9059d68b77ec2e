def repair(session, live, tools):
    raise NotImplementedError


def mend(path, wait=0):
    raise NotImplementedError
