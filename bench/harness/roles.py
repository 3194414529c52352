"""Who plays which part in the comparison."""

from .store import Part

BOWSPRIT = {"handlers": "bowsprit-handlers", "async": "bowsprit-async"}
FLOOR = "floor"


def peers(part: Part, *kinds: str, defaults: bool = False) -> list[str]:
    """Servers of these kinds; with `defaults`, none whose application does something of its own."""
    found = [key for key in part.servers() if part.about(key)["kind"] in kinds]
    return [key for key in found if not (defaults and part.about(key).get("options"))]


def cheapest(part: Part, case: str, servers: list[str], key: str = "cost") -> float | None:
    costs = [part.value(case, server, key) for server in servers]
    return min((cost for cost in costs if cost), default=None)


def ratio(value: float | None, to: float | None) -> float | None:
    return value / to if value is not None and to else None
