"""How a mutant gets into its table."""

from contextlib import ExitStack

# What mutants leave behind, which ends with their suite: it must outlive the hub, and not the session.
LEFT = ExitStack()


class Table(dict):
    """Mutants, each with the names of the tests that must fail; a name without parameters is all of them."""

    def breaks(self, *tests):
        def register(mutant):
            self[mutant] = tests
            return mutant

        return register


def cases(test, parameters):
    return [f"{test}[{parameter}]" for parameter in parameters.split()]
