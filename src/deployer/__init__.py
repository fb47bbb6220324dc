"""A deployer for many independent JupyterHubs, on many clusters and clouds, from one repository."""

__version__ = "0.1.0"
