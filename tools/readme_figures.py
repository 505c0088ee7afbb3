"""Put a report's table and pictures into the README: the only way they get there."""

from __future__ import annotations

import sys
from pathlib import Path

from s3native.bench import pictures, results, tables

ROOT = Path(__file__).resolve().parent.parent
PICTURE = Path("docs/images/bench.svg")
BEGIN, END = "<!-- made by make bench-readme: begin -->", "<!-- end -->"


def main(report_path: str) -> None:
    """Write the README and the picture."""
    report = results.read(Path(report_path))
    if report.failures:
        sys.exit("the report has failures:\n" + "\n".join(report.failures))
    readme = ROOT / "README.md"
    before, begin, rest = readme.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{readme} has no place for them")
    made = report.environment["made"].partition("T")[0]
    figures = "\n".join(
        [
            BEGIN,
            "",
            f"{tables.about(report)}; {made}.",
            "",
            tables.summary(report),
            f"![Throughput, CPU cost and latency of each client]({PICTURE})",
            "",
            END,
        ]
    )
    readme.write_text(before + figures + after)
    (ROOT / PICTURE).parent.mkdir(exist_ok=True)
    pictures.write(report, ROOT / PICTURE)


if __name__ == "__main__":
    main(sys.argv[1])
