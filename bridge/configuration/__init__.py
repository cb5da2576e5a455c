"""From a file to settings: YAML with positions, values from the environment, mistakes in words."""
