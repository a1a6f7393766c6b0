"""The lab: real SIP peers on loopback, and ears to hear whether they talk.

Nothing in here is part of the bridge. Each module knows one peer; `plan`
holds the addresses, names and numbers that all of them share.
"""
