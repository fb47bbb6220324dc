"""What the repository says: clusters, hubs, charts and values, as data. Pure: files come in through a tree."""
