"""Check who may include and import what, and how long files get; exit with 1 on a broken rule.

The rules are those of CONTRIBUTING.md: <aws/...> only inside cpp/src/crt, pybind11 and Python.h
only inside cpp/bindings, public headers and bindings see public headers only, importing the
package imports no framework, and adapters to frameworks do not use the extension module.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
MOST_LINES = 600

# What may be included -> the folders that may include it.
ONLY_INSIDE = {
    "aws/": ("cpp/src/crt/", "bench/crt_"),  # bench/crt_*: what the CRT does without the engine
    "pybind11/": ("cpp/bindings/",),
    "Python.h": ("cpp/bindings/",),
    "tensorflow/": ("tests/tensorflow/abi_check.cc",),
}
# These folders include public headers, their own files, and the standard library.
PUBLIC_ONLY = ("cpp/include/", "cpp/bindings/", "cpp/tensorflow/")
ADAPTERS = ("python/s3native/tensorflow/", "python/s3native/torch/")
FRAMEWORKS = {"numpy", "torch", "tensorflow", "mxnet", "fsspec", "boto3", "botocore", "pyarrow"}


def files(folder: str, *suffixes: str) -> Iterator[tuple[str, Path]]:
    """Yield (path relative to the root, path) of every file with one of the suffixes."""
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix in suffixes and path.is_file():
            yield path.relative_to(ROOT).as_posix(), path


def include_faults(name: str, path: Path) -> Iterator[str]:
    """Yield what one C++ file includes and may not."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        quote, header = found.groups()
        for prefix, folders in ONLY_INSIDE.items():
            if header.startswith(prefix) and not name.startswith(folders):
                yield f"{name}:{number}: includes <{header}>, allowed in {folders[0]} only"
        private = not header.startswith("s3native/") and not (path.parent / header).exists()
        if quote == '"' and private and name.startswith(PUBLIC_ONLY):
            yield f'{name}:{number}: includes "{header}", which is not a public header'


def top_level_imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, module) of the imports that run when the module is imported."""
    pending: list[ast.stmt] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module
        elif isinstance(node, ast.Try):
            pending += node.body + node.orelse + node.finalbody
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            pending += node.body + node.orelse


def import_faults(name: str, path: Path) -> Iterator[str]:
    """Yield the frameworks that a module of the core package imports when it is imported."""
    for line, module in top_level_imports(ast.parse(path.read_text(encoding="utf-8"))):
        if module.split(".")[0] in FRAMEWORKS:
            yield f"{name}:{line}: imports {module} at the top; import it where it is used"


def extension_faults(name: str, path: Path) -> Iterator[str]:
    """Yield where an adapter uses the extension module itself."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if "_core" in line:
            yield f"{name}:{number}: an adapter uses s3native's public modules, not _core"


def length_fault(name: str, path: Path) -> Iterator[str]:
    """Yield a fault when the file is longer than any file should be."""
    lines = len(path.read_text(encoding="utf-8").splitlines())
    if lines > MOST_LINES:
        yield f"{name}: {lines} lines; {MOST_LINES} are the most, 300 the aim"


def main() -> int:
    """Check the tree and report."""
    faults: list[str] = []
    checked = 0
    for folder in ("cpp", "tests", "bench"):
        for name, path in files(folder, ".h", ".cc"):
            checked += 1
            faults += [*include_faults(name, path), *length_fault(name, path)]
    for folder in ("python", "tests", "bench", "tools"):
        for name, path in files(folder, ".py", ".pyi"):
            checked += 1
            faults += length_fault(name, path)
            if name.startswith(ADAPTERS):
                faults += extension_faults(name, path)
            # What sits directly in the package is what `import s3native` may bring in.
            if path.parent == ROOT / "python" / "s3native" and path.suffix == ".py":
                faults += import_faults(name, path)
    print("\n".join(faults), end="\n" if faults else "")
    print(f"layering: {checked} files checked, {len(faults)} faults")
    return bool(faults) or not checked


if __name__ == "__main__":
    sys.exit(main())
