"""What differs: change sets, and the reasons for which a release needs an upgrade."""
