def verify(session, tools):
    raise NotImplementedError
