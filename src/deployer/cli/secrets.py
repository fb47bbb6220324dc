"""Whether all that is named a secret is encrypted, and can be decrypted here.

deployer secrets check
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor

from deployer.cli.context import Context
from deployer.errors import EXIT_OK, EXIT_USER_ERROR, DeployerError
from deployer.secrets.named import named_secrets, plain_secrets
from deployer.secrets.sops import decrypt

AT_ONCE = 8  # a key service far away answers slowly


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("check",), help="check: every secret file of the fleet")
    parser.add_argument("--plain-only", action="store_true", help="decrypt nothing: only find what is not encrypted")


def run(args: argparse.Namespace, context: Context) -> int:
    paths = named_secrets(context.fleet)
    wrong = plain_secrets(context.fleet)
    if not args.plain_only:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            rest = [path for path in paths if path not in wrong]
            found = threads.map(lambda path: _try(context, path), rest)
            wrong |= {path: error for path, error in zip(rest, found, strict=True) if error}
    for path in sorted(wrong):
        print(wrong[path])
    print(f"{len(paths)} secret file{'' if len(paths) == 1 else 's'}, {len(wrong)} wrong")
    return EXIT_USER_ERROR if wrong else EXIT_OK


def _try(context: Context, path: str) -> DeployerError | None:
    try:
        decrypt(context.root / path, env=context.env, shown=path)
    except DeployerError as error:
        return error
    return None
