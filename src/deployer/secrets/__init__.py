"""Secrets: files that sops has encrypted, and where decrypted text may live."""
