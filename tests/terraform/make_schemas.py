"""Makes ``schemas/`` anew from the providers themselves: `make terraform-schemas`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import hcl
import provider_schema
from terraform_tool import MODULES, mirrored, tofus


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        for tofu in tofus(Path(scratch)):
            for cloud in filter(mirrored, provider_schema.PROVIDERS):
                used = provider_schema.used_types(hcl.load(MODULES / cloud))
                schemas = json.loads(tofu.run(tofu.initialised(cloud), "providers", "schema", "-json").stdout)
                extract = {"version": tofu.version(cloud), **provider_schema.cut_out(schemas, cloud, used)}
                file = provider_schema.SCHEMAS / f"{provider_schema.PROVIDERS[cloud]}.json"
                file.write_text(provider_schema.as_text(extract), encoding="utf-8")
                sys.stdout.write(f"{file}: {file.stat().st_size // 1024} KiB\n")


if __name__ == "__main__":
    main()
