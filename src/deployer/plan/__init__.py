"""What we will do: the releases to upgrade, in stages, and the protocols of those who carry it out. Pure."""
