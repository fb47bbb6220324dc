"""What Helm would send to a cluster: manifests at a revision, what of two of them is equal, and how they differ."""
