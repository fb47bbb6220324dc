"""New fleets, clusters and hubs from the template."""
