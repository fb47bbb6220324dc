"""Real JupyterHubs as processes of this machine, from the same values as the chart."""
