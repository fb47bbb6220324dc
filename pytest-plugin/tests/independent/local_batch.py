"""batchspawner, for users who have no account on this machine."""

from batchspawner.batchspawner import BatchSpawnerRegexStates
from traitlets import Unicode


class LocalBatchSpawner(BatchSpawnerRegexStates):
    req_homedir = Unicode("/")
