"""HTTP: the public listener that takes callbacks, and the console's."""
