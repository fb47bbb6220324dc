"""Cuts a copy of a Terraform provider's source down to the services that its `services` file names.

The code of what stays is the provider's own, byte for byte: only its lists of services, and of the clouds' clients
that no service uses any more, are shortened. Whole providers take hours to compile and gigabytes to link.

    cut.py NAME SOURCE
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path


def google(source: Path, keep: set[str]) -> None:
    """Services register themselves where they are imported."""
    shorten(source / "google/provider/provider_register_services.go", r'\t_ ".*/google/services/(\w+)"\n', keep)


def azurerm(source: Path, keep: set[str]) -> None:
    """A list of registrations, and one client that holds those of all services."""
    folder = "internal/services/"
    for name in ("services.go", "services_gen.go"):
        file = source / "internal/provider" / name
        shorten(file, r"\t+(\w+)\.Registration\{\},\n", keep)
        shorten(file, rf'\t"\S*/{folder}(\w+)"\n', used(file, keep))
    reached = closure(source, folder, keep)
    text = "".join(go_text(source / folder / name) for name in reached) + go_text(source / "internal/provider")
    file = source / "internal/clients/client.go"
    made = file.read_text()
    for field, package in re.findall(r"\n\t(\w+) +\*(\w+)\.(?:Client|AutoClient)\b", made):
        if not re.search(rf"\.{field}\b", text + clients_text(source)):
            made = re.sub(rf"\n\t{field} +\*{package}\.\w+", "", made)
            made = re.sub(rf"\n\tif client\.{field}, err = .*?\n\t\}}", "", made, flags=re.DOTALL)
            made = re.sub(rf"\n\tclient\.{field} = .*", "", made)
    file.write_text(without_unused_imports(made))


def aws(source: Path, keep: set[str]) -> None:
    """A list of packages, and one client with a method for each API."""
    folder = "internal/service/"
    file = source / "internal/provider/sdkv2/service_packages_gen.go"
    shorten(file, r"\t\t(\w+)\.ServicePackage\(ctx\),\n", keep)
    shorten(file, rf'\t"\S*/{folder}(\w+)"\n', used(file, keep))
    reached = closure(source, folder, keep)
    rest = [path for path in (source / "internal").iterdir() if path.is_dir() and path.name != "service"]
    text = "".join(map(go_text, [*(source / folder / name for name in reached), *rest]))
    wanted = set(re.findall(r"\.(\w+Client)\(", text))
    file = source / "internal/conns/awsclient_gen.go"
    method = r"func \(c \*AWSClient\) (\w+)\(ctx context\.Context\) .*?\n\}\n\n?"
    made = re.sub(method, lambda m: m.group(0) if m.group(1) in wanted else "", file.read_text(), flags=re.DOTALL)
    file.write_text(without_unused_imports(made))


def shorten(file: Path, line: str, keep: Iterable[str]) -> None:
    """Take out the lines whose group names nothing that is kept."""
    kept = set(keep)
    file.write_text(re.sub(line, lambda m: m.group(0) if m.group(1) in kept else "", file.read_text()))


def used(file: Path, keep: set[str]) -> set[str]:
    """Which of the kept are still named in the file."""
    text = file.read_text()
    return {name for name in keep if re.search(rf"\b{name}\.", text)}


def closure(source: Path, folder: str, keep: set[str]) -> set[str]:
    """The kept services, and those that these import."""
    reached: set[str] = set()
    todo = set(keep)
    while todo:
        reached |= todo
        text = "".join(go_text(source / folder / name) for name in todo)
        todo = set(re.findall(rf'/{folder}(\w+)[/"]', text)) - reached
    return reached


def go_text(folder: Path) -> str:
    return "".join(f.read_text() for f in folder.rglob("*.go") if not f.name.endswith("_test.go"))


def clients_text(source: Path) -> str:
    """What the clients themselves use of each other, but for the file that lists them."""
    files = [f for f in (source / "internal/clients").glob("*.go") if f.name != "client.go"]
    listed = (source / "internal/clients/client.go").read_text()
    rest = re.sub(r"\n\tif client\.\w+, err = ", "\n", listed)
    return rest.replace("\n\tclient.", "\n") + "".join(f.read_text() for f in files)


def without_unused_imports(text: str) -> str:
    head, body = text.split("\n)\n", 1)

    def kept(match: re.Match[str]) -> str:
        name = match.group(1) or re.sub(r"^v\d+$", "", match.group(2).split("/")[-1]) or match.group(2).split("/")[-2]
        return match.group(0) if re.search(rf"\b{re.escape(name.replace('-', ''))}\b\.", body) else ""

    return re.sub(r'\n\t(?:(\w+) )?"([^"\n]+)"', kept, head) + "\n)\n" + body


if __name__ == "__main__":
    name, source = sys.argv[1], Path(sys.argv[2])
    services = set((Path(__file__).parent / name / "services").read_text().split())
    {"google": google, "azurerm": azurerm, "aws": aws}[name](source, services)
