"""Who plays: the rooms put together from settings, floor by floor, for `cmo.app`, which is the cast list."""
