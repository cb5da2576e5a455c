"""Callbacks sent to a running bridge as Tencent Cloud would send them.

`letters` makes what is posted: `retell` puts a body into the present, `memory` knows what was sent last.
`post` speaks HTTP.
"""
