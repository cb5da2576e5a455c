"""Callbacks sent to a running bridge as Tencent Cloud would send them.

`retell` puts a body into the present, `memory` knows what was sent last, `post` speaks HTTP.
"""
