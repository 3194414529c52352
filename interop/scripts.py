"""Runs the scripts of examples/scripts, and some that fail, with the program against servers of others.

    python scripts.py PROGRAM [--only TEXT] [--tally FILE] --graphql GRAPHQL_MJS

GRAPHQL_MJS is the copy of graphql.mjs beside which node finds its packages; without it the script of GraphQL is
left out.
"""

import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from command import run_checks
from lab import PATIENCE, Check, Server

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples" / "scripts"


def graphql_server() -> Path | None:
    """The argument that this script has besides those of all others."""
    if "--graphql" not in sys.argv:
        return None
    at = sys.argv.index("--graphql")
    path = Path(sys.argv[at + 1])
    del sys.argv[at : at + 2]
    return path


GRAPHQL = graphql_server()


def prepare(program: Path, stack: ExitStack) -> Iterator[Check]:
    program = program.resolve()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bowsprit-scripts-")))
    python = Server(sys.executable, HERE / "protocols.py")
    stack.callback(python.stop)

    def run(*arguments: object, status: int = 0) -> subprocess.CompletedProcess:
        command = [program, "run", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        told = f"{done.stdout}{done.stderr}[exit status {done.returncode}]"
        assert done.returncode == status, f"expected exit status {status} of {arguments}:\n{told}"
        return done

    def example(name: str, uri: str | None = None) -> Check:
        def look() -> None:
            report = folder / f"{name}.xml"
            setting = [] if uri is None else ["--set", f"uri={uri}"]
            run(*setting, "--junit", report, EXAMPLES / f"{name}.bws")
            suites = ElementTree.parse(report).getroot()
            text = (EXAMPLES / f"{name}.bws").read_text()
            tests = [line[5:] for line in text.splitlines() if line.startswith("test ")]
            assert [case.get("name") for case in suites.iter("testcase")] == tests
            assert suites.get("failures") == "0"

        return Check(f"the script {name} passes", look)

    def is_complete() -> None:
        names = {path.stem for path in EXAMPLES.glob("*.bws")}
        assert names == {"echo", "chat", "json-rpc", "graphql", "stomp"}, names
        run("--check", *sorted(EXAMPLES.glob("*.bws")))

    def fails_well() -> None:
        script = folder / "fails.bws"
        script.write_text(
            "test wrong\n connect ${uri}\n send ${id} {\"id\": 1, \"method\": \"subtract\", \"params\": [3, 1]}\n"
            " expect ${id} json $.result = 3\nend\ntest never\n echo x\nend\n"
        )
        report = folder / "fails.xml"
        done = run("--set", f"uri={python.uri('/rpc')}", "--junit", report, script, status=1)
        assert f"FAILED {script}:4: expect ${{id}} json $.result = 3" in done.stdout, done.stdout
        assert "differs   $.result is 2" in done.stdout, done.stdout
        suites = ElementTree.parse(report).getroot()
        assert (suites.get("failures"), suites.get("skipped")) == ("1", "1")
        assert "$.result is 2" in suites.find(".//failure").text

    def events() -> None:
        done = run("--set", f"uri={python.uri('/chat')}", "--json", EXAMPLES / "chat.bws")
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert events[0]["event"] == "start", events[0]
        tests = [event for event in events if event["event"] == "test"]
        assert len(tests) == 4 and all(test["passed"] for test in tests), tests
        steps = [event for event in events if event["event"] == "step"]
        assert all("failure" not in step for step in steps)
        assert any(step["text"] == "send ${anna} hello, Bo" for step in steps), steps

    yield Check("every example is run here, and has no mistakes", is_complete)
    yield example("echo")
    yield example("chat", python.uri("/chat"))
    yield example("json-rpc", python.uri("/rpc"))
    yield example("stomp", python.uri("/stomp"))
    if GRAPHQL is not None:
        node = Server("node", GRAPHQL)
        stack.callback(node.stop)
        yield example("graphql", node.uri("/graphql"))
    yield Check("a script that fails says so to people and to CI", fails_well)
    yield Check("a script is told as JSON, step by step", events)


if __name__ == "__main__":
    sys.exit(run_checks("scripts", prepare))
