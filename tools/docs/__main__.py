"""The documentation site: pages of the topics, then the site, then a look at it in a browser.

    python tools/docs pages                   # docs/topics and docs/zh/topics
    python tools/docs pages --run [NAME ...]  # the same, after running these scripts, or all
    python tools/docs pages --check           # write nothing, fail if a page is old
    python tools/docs try                     # what the pages "Try it" run, into .cache/try
    python tools/docs build                   # that, mkdocs --strict into site/, tests/site on it

Pages keep the output that they show until their script is run again.

`build` needs the extra `docs`, its look at the pages also Chromium and the package playwright.
`try` needs npm, the data that calibration needs in KERAZOO_DATA, and for int8 of the game's policy
KERAZOO_RL_PYTHON, a Python that has the extra `rl`; what it cannot make it leaves out, and says so.
"""

from __future__ import annotations

import argparse
import sys

import build_site
import pages
import try_it


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/docs", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    of_pages = commands.add_parser("pages", help="write the pages of the twenty topics")
    of_pages.add_argument("--check", action="store_true", help="compare, and write nothing")
    of_pages.add_argument("--run", nargs="*", metavar="NAME", help="run scripts for new output")
    commands.add_parser("try", help='fetch and export what the pages "Try it" run')
    commands.add_parser("build", help="build the site and look at it in a browser")
    arguments = parser.parse_args()
    if arguments.command == "build":
        sys.exit(build_site.build())
    if arguments.command == "try":
        try_it.prepare()
        return
    if arguments.check:
        old = pages.old_pages()
        if old:
            sys.exit(f"Old pages: {', '.join(old)}. Run: python tools/docs pages")
        return
    pages.write(run=arguments.run)


if __name__ == "__main__":
    main()
