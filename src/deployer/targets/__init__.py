"""What releases are deployed with."""
