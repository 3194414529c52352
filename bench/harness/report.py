"""REPORT.md: verdicts, the machine, how it was measured, and a table and a figure for each part."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import charts, in_memory, tables, verdicts
from .roles import BOWSPRIT
from .store import Part, Record
from .tables import by_cost, markdown, name, significant, whole


@dataclass(frozen=True)
class Section:
    """One part of the report: what its numbers are, and how they become a table."""

    title: str
    words: str
    table: Callable[[Part], list[str]]


def write(parts: dict[str, Part], folder: Path) -> None:
    images = charts.write(parts, folder / "charts")
    lines = [*head(parts), *verdict(parts), *method(parts)]
    for key, section in SECTIONS.items():
        if key not in parts:
            continue
        lines += [f"\n## {section.title}\n", f"{section.words}{from_run(parts, parts[key])}\n"]
        if key in images:
            lines.append(f"![{section.title}](charts/{images[key]})\n")
        lines += section.table(parts[key])
    lines += versions(parts)
    (folder / "REPORT.md").write_text("\n".join(lines) + "\n")


def newest(parts: dict[str, Part]) -> Record:
    return max((part.meta for part in parts.values()), key=lambda meta: meta["date"])


def from_run(parts: dict[str, Part], part: Part) -> str:
    """How many rounds there were, and where they come from if it is not the newest run."""
    words = []
    if rounds := part.rounds():
        words.append(f"{rounds} round{'s' * (rounds > 1)}")
    if part.meta["date"] != newest(parts)["date"]:
        words.append(f"from the run of {part.meta['date']}")
    return f" ({', '.join(words)})" if words else ""


def head(parts: dict[str, Part]) -> list[str]:
    meta = newest(parts)
    form = ", the quick form: fewer cases, one short round, so expect noise" if meta["quick"] else ""
    return [
        "# How fast Bowsprit is\n",
        f"Written by `bench/run.py` from the run of {meta['date']}{form}. [README.md](README.md) says what each"
        " part asks and how to repeat it.",
    ]


def verdict(parts: dict[str, Part]) -> list[str]:
    return [
        "\n## Verdicts\n",
        "Ratios in one run, computed from the tables below; lower is better unless it says *at least*. The face with"
        " handlers must meet the target; the asynchronous face may take 1.3 times as much.\n",
        *verdicts.table(parts),
    ]


def method(parts: dict[str, Part]) -> list[str]:
    meta = newest(parts)
    rows = [[key, value] for key, value in meta["machine"].items()]
    shown = markdown(["", ""], rows)
    shown[1] = "|---|---|"
    return [
        "\n## Machine and method\n",
        *shown,
        f"""
`{meta["command"]}`

- The server is pinned to one core and the load generator (`bench/loadgen`) to the other; both talk over
  loopback. Every server has one thread, unless it says otherwise.
- A figure is the median over the rounds. Within a round the servers take turns case by case, so that a slow
  minute of the machine does not fall on one of them. Interpreters, which are far from the rest, get one round.
- CPU time is what the kernel accounts to the server's threads (`schedstat`, in nanoseconds), for {meta["seconds"]} s
  of load after a warm-up. On loopback the sender also pays for the delivery into the receiver's socket.
- In brackets: the ratio to the floor, an epoll loop that frames, unmasks, checks UTF-8, and nothing else.
- `A × B` is B messages in flight on each connection. A connection sends its whole window in one write, and
  the next one when all replies are back. Every connection's first reply is compared byte for byte.
- Limits: one machine, shared with its host; loopback instead of a network; made-up payloads. Differences
  below a tenth mean little. Instructions and system calls repeat on any machine with the same tools.""",
    ]


def instructions(part: Part) -> list[str]:
    return by_cost(part, whole)


def system_calls(part: Part) -> list[str]:
    """The sum, and the calls that it is made of."""
    cases = part.cases()
    rows = []
    for server in part.servers():
        cells = []
        for case in cases:
            calls = next((r["calls"] for r in part.of(case, server) if "calls" in r), None)
            if calls is None:
                cells.append(f"failed: {tables.escaped(part.error(case, server))}")
                continue
            each = sorted(calls.items(), key=lambda item: -item[1])
            total = sum(calls.values())
            cells.append(f"{total:.2f}: " + ", ".join(f"{call} {count:.2f}" for call, count in each))
        costs = [part.value(case, server, "cost") or float("inf") for case in reversed(cases)]
        rows.append((costs, [name(part, server), *cells]))
    return markdown(["", *cases], [row for _, row in sorted(rows, key=lambda row: row[0])])


def idle(part: Part) -> list[str]:
    """RSS, and PSS beside it where it differs; fewer connections are named."""
    usual = max((record.get("conns", 0) for record in part.records), default=0)
    lines = by_cost(part, whole, "rss_bytes_per_conn", floor=False)
    lines.append(f"\nBytes of resident memory (RSS) per connection, with {usual:,} connections.")
    for record in part.records:
        who = f"{part.about(record['server'])['name']} ({record['case']})"
        if "rss_bytes_per_conn" not in record:
            continue
        rss, pss = record["rss_bytes_per_conn"], record["pss_bytes_per_conn"]
        if record["conns"] != usual:
            lines.append(f"{who}: only {record['conns']:,} connections, more were not open within a minute.")
        if abs(rss - pss) > 0.02 * max(rss, 100):
            lines.append(f"{who}: PSS {pss:,} B.")
    return lines


def compressed(part: Part) -> list[str]:
    """CPU time, then bytes on the wire."""
    lines = by_cost(part, floor=False)
    lines += ["\nBytes of a reply's payload, of 1,024:\n"]
    return lines + by_cost(part, whole, "reply_bytes_per_msg", floor=False)


def zlib(part: Part) -> list[str]:
    return by_cost(part, whole, "bytes", floor=False)


def growth(part: Part) -> list[str]:
    """A row per number of connections, which is how growth reads."""
    servers = part.servers()
    cases = sorted(part.cases(), key=lambda case: int(case.split(" × ")[1]))
    cell = lambda case, server: tables.cell(part, case, server, "cost", significant, True)
    rows = [[case, *(cell(case, server) for server in servers)] for case in cases]
    return markdown(["connections × in flight", *(name(part, server) for server in servers)], rows)


def workers(part: Part) -> list[str]:
    """Messages per second as they were, and what the CPU time per message would allow on free cores."""
    rows = []
    for server in BOWSPRIT.values():
        for case in part.cases():
            keys = ("msgs_per_s", "cost", "server_util", "server_wait", "client_util")
            values = [part.value(case, server, key) for key in keys]
            if None not in values:
                rate, cost, *shares = values
                row = [f"{name(part, server)}, {case}", whole(rate), significant(cost)]
                rows.append(row + [f"{share:.2f}" for share in shares])
    head = ["", "messages/s", "server µs/message", "cores for the server", "cores it waited for", "cores for the load"]
    lines = markdown(head, rows)
    for server in BOWSPRIT.values():
        one, two = (part.value(case, server, "cost") for case in ("1 worker", "2 workers"))
        if one and two:
            allowed = 2 * one / two
            lines.append(
                f"\n{part.about(server)['name']}: by CPU time per message, two cores that nobody else used would"
                f" carry {allowed:.2f} times the messages of one."
            )
    return lines


def versions(parts: dict[str, Part]) -> list[str]:
    servers: dict[str, Record] = {}
    for part in parts.values():
        servers |= part.meta["servers"]
    rows = [[a["name"], a["package"], a["version"], " ".join(a["options"])] for a in servers.values()]
    shown = markdown(["", "package", "version", "options of the server"], rows)
    shown[1] = "|---|---|---|---|"
    return ["\n## Versions\n", *shown]


SECTIONS = {
    "echo": Section(
        "Echo",
        "Server CPU, µs per message; text of ASCII unless it says mixed. 100 connections; 50 with one in flight.",
        by_cost,
    ),
    "instructions": Section(
        "Instructions",
        "User-space instructions of the server per message (callgrind), 50 connections.",
        instructions,
    ),
    "syscalls": Section(
        "System calls", "System calls of the server per message (strace), 50 connections.", system_calls
    ),
    "large": Section(
        "Large messages", "Server CPU, µs per binary message. 16 KiB: 100 connections; 1 MiB: 16.", by_cost
    ),
    "idle": Section("Idle connections", "After one echo of 20 bytes on each connection.", idle),
    "compressed": Section(
        "Compressed echo",
        "Server CPU, µs per message: 1 KiB of JSON, 64 different messages in turn, 100 connections. The client offers"
        " `permessage-deflate; client_max_window_bits`.",
        compressed,
    ),
    "zlib": Section(
        "What zlib makes of the same messages",
        "Bytes per message: raw deflate with a sync flush, its last four bytes taken off, at"
        " Bowsprit's level (2) and zlib's default (6), in the window that Bowsprit has there.",
        zlib,
    ),
    "broadcast": Section(
        "Broadcast",
        "Server CPU, µs per delivery of 125 bytes to every connection, one message at a time or 16 at once. The floor"
        " builds the frame once and makes a bare loop of `write` calls.",
        by_cost,
    ),
    "handshakes": Section(
        "Handshakes",
        "Server CPU, µs per connection: accept, upgrade, close. TLS 1.3 with ECDSA P-256, no session is resumed.",
        by_cost,
    ),
    "memory": Section(
        "In memory",
        "Nanoseconds per message, median; no socket. The fastest library is bold; Bowsprit has its ratio to the floor"
        " in brackets.",
        in_memory.tables,
    ),
    "growth": Section("Many active connections", "Server CPU, µs per message of 125 bytes.", growth),
    "workers": Section(
        "Worker threads",
        "Compressed echo of 16 KiB of JSON, 100 connections with 4 in flight: heavy enough that the load generator,"
        " which shares both cores with the server, takes few per cent of them. Nothing is pinned.",
        workers,
    ),
}
