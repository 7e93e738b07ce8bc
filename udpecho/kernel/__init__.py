"""Linux's bytes and calls: no Twisted, and no names here: its rooms are its doors."""
