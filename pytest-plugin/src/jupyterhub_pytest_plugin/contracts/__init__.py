"""Contract suites: what JupyterHub relies on, as tests to inherit."""
