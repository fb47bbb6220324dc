"""The target for Kubernetes: releases are Helm's, and all is done with the commands ``helm`` and ``kubectl``."""
