"""Getting at a cluster: a session with its own environment and kubeconfig, and nothing left behind."""
