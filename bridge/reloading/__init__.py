"""Config and templates are read again when they change, and put in force whole or not at all.

    sight        did anything change, and does it hold still   contents, not times
    changes      what is other, and what needs a restart       pure
    checking     every template in every state                 a process of its own: receiving must not stall
    reloader     the order of all that, and what is said

Until all is well the old ones stay in force, and people are told what is wrong.
"""

from bridge.reloading.checking import check_apart
from bridge.reloading.reloader import Means, Reloader
from bridge.reloading.sight import Sight, look

__all__ = ["Means", "Reloader", "Sight", "check_apart", "look"]
