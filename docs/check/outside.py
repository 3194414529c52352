#!/usr/bin/env -S python3 -B
"""What mdBook needs to show the files outside docs/ that the pages link to; book.toml names it twice.

As a preprocessor it adds these files to the book as pages, Markdown as such and others as code, and makes all links lead to
them. As a backend, which runs when the HTML is there, it brings their pictures, and takes away what the book has no use for.
"""

import json
import os
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote

from pages import DOCS, ROOT, SKIPPED, files, title, with_targets

# Where in the book the Markdown from outside docs/ is, and all else.
DOCUMENTS, SOURCES = "repository", "source"
PICTURES = {".svg", ".png"}
EXTERNAL = re.compile(r"[a-z][a-z0-9+.-]*:|#|/")
# The book has to name another language than `rust`, or mdBook hides lines that begin with `#`.
LANGUAGES = {".rs": "rs", ".py": "py", ".mjs": "js", ".js": "js", ".cpp": "cpp", ".sh": "sh", ".toml": "toml"}
LANGUAGES |= {".json": "json", ".yml": "yml", ".yaml": "yml", ".html": "html"}


def place(path):
    """Where in the book a file or folder of the repository is."""
    if path.is_dir() and (path / "README.md").is_file():
        path /= "README.md"
    inside = path.relative_to(ROOT)
    name = "index.md" if path.name == "README.md" else path.name
    if path.suffix in PICTURES and DOCS in path.parents:
        return path.relative_to(DOCS)
    if path.suffix in PICTURES:
        return SOURCES / inside
    if path.suffix == ".md":
        return (path.relative_to(DOCS) if DOCS in path.parents else DOCUMENTS / inside).with_name(name)
    return SOURCES / inside / "index.md" if path.is_dir() else SOURCES / inside.with_name(f"{name}.md")


class Links:
    """Makes the links of pages lead to places in the book, and knows what they lead to."""

    def __init__(self):
        self.files = set()

    def moved(self, lines, page, here):
        """The lines of the file `page`, as they have to be at the place `here` of the book."""

        def target(link):
            path, _, fragment = link.partition("#")
            file = Path(os.path.normpath(page.parent / unquote(path)))
            # Where there is nothing, the link stays for the check to find.
            if EXTERNAL.match(link) or ROOT not in [file, *file.parents] or not file.exists():
                return link
            self.files.add(file)
            moved = os.path.relpath(place(file), here.parent)
            return f"{moved}#{fragment}" if fragment else moved

        return with_targets(lines, target)


def chapter(name, path, lines):
    return {
        "name": name.replace("`", ""),
        "content": "\n".join(lines) + "\n",
        "number": None,
        "sub_items": [],
        "path": str(path),
        "source_path": None,
        "parent_names": [],
    }


def folder_page(folder):
    """A page for a folder without a README.md: its files, with links."""
    listed = [f"- [{file.name}]({file.name})" for file in files(folder) if file.parent == folder]
    return [f"# {folder.relative_to(ROOT)}", "", *listed]


def file_page(file):
    text = file.read_text()
    fence = "`" * max(3, *(len(ticks) + 1 for ticks in re.findall("`+", text)), 0)
    language = LANGUAGES.get(file.suffix, "text")
    return [f"# {file.relative_to(ROOT)}", "", fence + language, *text.splitlines(), fence]


def chapters_of(items):
    for item in items:
        if "Chapter" in item:
            yield item["Chapter"]
            yield from chapters_of(item["Chapter"]["sub_items"])


def outside_chapters(links):
    """The pages for all that the links lead to, and for what those pages link to."""
    documents, sources, seen = {}, {}, set()
    while new := links.files - seen:
        seen |= new
        for file in new:
            here = Path(place(file))
            if file.suffix in PICTURES or here.parts[0] not in (DOCUMENTS, SOURCES):
                continue
            if here.parts[0] == DOCUMENTS:
                page = file / "README.md" if file.is_dir() else file
                lines = page.read_text().splitlines()
                documents[here] = chapter(title(lines) or page.name, here, links.moved(lines, page, here))
            else:
                lines = folder_page(file) if file.is_dir() else file_page(file)
                sources[here] = chapter(title(lines), here, links.moved(lines, file / "index.md", here))
    # The root's files first.
    return (
        [pages[here] for here in sorted(pages, key=lambda here: (len(here.parts) > 2, here))]
        for pages in (documents, sources)
    )


def preprocess(book):
    links = Links()
    for page in list(chapters_of(book["items"])):
        if page["source_path"]:
            lines = links.moved(page["content"].split("\n"), DOCS / page["source_path"], Path(page["path"]))
            page["content"] = "\n".join(lines)
    documents, sources = outside_chapters(links)
    text = ["# Source files", "", "The files of the repository that the pages of this book link to."]
    all_sources = chapter("Source files", f"{SOURCES}/index.md", text)
    all_sources["sub_items"] = [
        {"Chapter": source | {"number": [1, number], "parent_names": [all_sources["name"]]}}
        for number, source in enumerate(sources, 1)
    ]
    book["items"].append({"PartTitle": "The repository"})
    # The contents are as deep as the numbers are long; nobody sees what they are.
    book["items"] += [{"Chapter": document | {"number": [1]}} for document in [*documents, all_sources]]
    return book


def finish(html):
    """Brings pictures from outside docs/, and takes away what mdBook copied out of docs/ but no page shows."""
    for file in files(ROOT):
        inside_docs = DOCS in file.parents
        if file.suffix in PICTURES and not inside_docs:
            copy = html / place(file)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        elif inside_docs and file.suffix not in PICTURES | {".md"}:
            (html / file.relative_to(DOCS)).unlink(missing_ok=True)
    for folder in sorted(html.rglob("*"), reverse=True):
        if folder.is_dir() and (folder.name in SKIPPED or not any(folder.iterdir())):
            shutil.rmtree(folder)


def main():
    if sys.argv[1:2] == ["supports"]:
        return 0 if sys.argv[2] == "html" else 1
    context = json.load(sys.stdin)
    if isinstance(context, list):
        json.dump(preprocess(context[1]), sys.stdout)
    else:
        finish(Path(context["destination"]).parent / "html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
