"""Challenges as a proxy does (Metaswitch)."""

from zoo import Script


class Registers(Script):
    """407 is answered with Proxy-Authorization."""

    status = 407
