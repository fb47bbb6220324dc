import pytest
from provider import Provider


@pytest.fixture(scope="session")
def provider():
    with Provider().start() as provider:
        provider.people = {"ada": {"crews": ["crew", "officers"]}, "bob": {"crews": ["crew"]}}
        yield provider
