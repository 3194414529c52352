"""Whether the book has every page, and every link of the documents leads somewhere.

Usage: python3 docs/check/links.py LYCHEE HTML

docs/SUMMARY.md has to list each page of docs/ once, by the heading that is the page's first line. LYCHEE, a program, then
follows the links of all Markdown of the repository, as it is in a checkout, and of the book that mdBook has built in the
folder HTML, with their fragments: where a forge and mdBook make different anchors of a heading, one of the two fails. It asks
no network: links to other sites have to be URLs, and may lead anywhere.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from pages import DOCS, ROOT, pages, title

CHAPTER = re.compile(r"\s*(?:- )?\[(.+)\]\((\S+)\)$")
SUMMARY = DOCS / "SUMMARY.md"


def faults_of_summary():
    lines = SUMMARY.read_text().splitlines()
    chapters = [(chapter[2], chapter[1]) for line in lines if (chapter := CHAPTER.match(line))]
    listed = Counter(path for path, _ in chapters)
    documents = [page for page in pages(DOCS) if page != SUMMARY]
    present = {str(page.relative_to(DOCS)): title(page.read_text().splitlines()) for page in documents}
    for path in present.keys() - listed.keys():
        yield f"{path}: is not in SUMMARY.md"
    for path in listed.keys() - present.keys():
        yield f"SUMMARY.md: there is no page {path}"
    for path, times in listed.items():
        if times > 1:
            yield f"SUMMARY.md: {path} is there {times} times"
    for path, name in present.items():
        if name is None:
            yield f"{path}: its first line has to be a heading"
    for path, name in chapters:
        if present.get(path) and name != present[path]:
            yield f"SUMMARY.md: {path} is called {present[path]!r}, not {name!r}"


def follows(lychee, what, *arguments):
    print(f"{what}:", flush=True)
    options = ["--config", "/dev/null", "--offline", "--include-fragments", "--no-progress"]
    return subprocess.run([lychee, *options, *arguments], cwd=ROOT, check=False).returncode == 0


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: python3 docs/check/links.py LYCHEE HTML")
    lychee, html = sys.argv[1], Path(sys.argv[2]).resolve()
    faults = sorted(faults_of_summary())
    print("\n".join(faults) or "SUMMARY.md has every page")
    # Relative: lychee passes over what a .gitignore of a parent names.
    documents = [page.relative_to(ROOT) for page in pages()]
    in_checkout = follows(lychee, f"{len(documents)} files of Markdown", *documents)
    # A folder is nothing to read in a book.
    in_book = html.is_dir() and follows(lychee, "the book", "--root-dir", html, "--index-files", "", html)
    return 1 if faults or not in_checkout or not in_book else 0


if __name__ == "__main__":
    sys.exit(main())
