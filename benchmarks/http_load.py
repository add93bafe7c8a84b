"""The HTTP API under load, beside the bare framework doing the same work in the same database.

    python benchmarks/http_load.py [--seconds 8] [--tenants 6000] [--connections 16]

`wrk` (Debian's package) asks for single runs and for pages of fifty, then submits plan changes, each of another tenant.
Overstap is `overstap serve`; the bare side is FastAPI on the same server program, with a route for each that reads the
same rows and answers them as JSON, or writes a run and a journal entry in one transaction. It knows no tokens, rules,
roles, idempotency, hashes or counters. Both take turns over one database.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen
from uuid import NAMESPACE_URL, uuid5

from rich.console import Console
from rich.table import Table

from ground import POSTGRESQL, SQLITE, open_ground
from overstap.app.principals import Role
from overstap.bootstrap import App, open_app
from overstap.domain.change import PlanChange
from overstap.providers.graph_export import TenantExport, read_export
from overstap.settings import Settings, data_path

SAMPLE, TARGET = "van-dijk-advocaten", "e1"
PORTS = {"overstap": 18400, "bare": 18401}
READ_RUNS = 200
HERE = Path(__file__).parent
LUA = """
local bodies, number = {}, 0
function init(args)
  for line in io.lines(args[1]) do bodies[#bodies + 1] = line end
end
function request()
  number = number + 1
  local headers = {["Authorization"] = "Bearer " .. os.getenv("TOKEN"), ["Content-Type"] = "application/json",
    ["Idempotency-Key"] = "load-" .. number}
  return wrk.format("POST", nil, headers, bodies[number] or "{}")
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What `wrk` measured.

    Attributes:
        rate: answers per second.
        p50, p99: milliseconds.
        failed: answers that were no success.
    """

    rate: float
    p50: float
    p99: float
    failed: int


def _id(text: str) -> str:
    return str(uuid5(NAMESPACE_URL, text))


def copies(sample: TenantExport, count: int, called: str = "Tenant") -> Iterator[TenantExport]:
    """So many tenants like one, with ids of their own and one user each."""
    for number in range(count):
        name = f"{called} {number:06}"
        held = replace(sample.subscriptions[0], id=_id(f"{name} s"), graph_id=_id(f"{name} g"))
        user = replace(sample.users[0], id=_id(f"{name} u"))
        own = {"subscriptions": (held,), "users": (user,), "assignments": ((user.id, held.id),)}
        yield replace(sample, id=_id(name), name=name, **own)


def order(tenant: TenantExport) -> dict[str, str]:
    """The plan change that a tenant orders."""
    return {"tenant_id": tenant.id, "subscription_id": tenant.subscriptions[0].id, "target_plan": TARGET}


def fill(app: App, tenants: list[TenantExport]) -> tuple[str, str]:
    """Tenants, runs of the first of them, and a token; answers the id of a run, and the token."""
    for first in range(0, len(tenants), 500):
        app.service.import_tenants(tenants[first : first + 500])
    run_id = ""
    for one in tenants[:READ_RUNS]:
        run_id = app.service.submit(PlanChange(**order(one)))[0].run.id
    _, token = app.tokens.create("load", {Role.OPERATOR}, actor="operator:bench", reason="to be measured")
    return run_id, token


@contextmanager
def serving(side: str, url: str) -> Iterator[str]:
    """A server process; answers where it is."""
    port = str(PORTS[side])
    command = {
        "overstap": [sys.executable, "-m", "overstap", "--database", url, "serve", "--port", port],
        "bare": [sys.executable, str(HERE / "http_bare.py"), url, port],
    }[side]
    quiet = {"OVERSTAP_API__REQUESTS": "0", "OVERSTAP_LOGS__LEVEL": "error"}
    process = subprocess.Popen(command, env={**os.environ, **quiet}, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
    place = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                urlopen(f"{place}/api/v1/openapi.json", timeout=1).close()  # noqa: S310 - our own
                break
            except URLError:
                time.sleep(0.1)
        else:
            raise SystemExit(f"{side} did not start")
        yield place
    finally:
        process.terminate()
        process.wait(20)


def wrk(url: str, token: str, given: argparse.Namespace, *script: str) -> Load:
    """Ask for as long as was said."""
    words = ["wrk", "--latency", "-t1", f"-c{given.connections}", f"-d{given.seconds}s", "--timeout", "10s"]
    header = [] if script else ["-H", f"Authorization: Bearer {token}"]
    files = ["-s", script[0]] if script else []
    told = subprocess.run(  # noqa: S603 - our own
        [*words, *header, *files, url, *(["--", *script[1:]] if script else [])],
        env={**os.environ, "TOKEN": token}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    p50, p99 = (re.search(rf"{share}%\s+([\d.]+)(us|ms|s)", told) for share in (50, 99))
    if rate is None or p50 is None or p99 is None:
        raise SystemExit(told)
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    return Load(float(rate[1]), *(float(one[1]) * scale[one[2]] for one in (p50, p99)), int(failed[1]) if failed else 0)


def measure(url: str, given: argparse.Namespace, folder: Path) -> Iterator[tuple[str, str, Load]]:
    """What is asked, by which side, and how it went."""
    sample = read_export(data_path("demo") / SAMPLE)
    tenants = list(copies(sample, given.tenants))
    with open_app(Settings(database_url=url), upgrade=True) as app:
        run_id, token = fill(app, tenants)
    script = folder / "submit.lua"
    script.write_text(LUA, encoding="utf-8")
    paths = {"one run": "/runs?limit=1", "fifty runs": "/runs?limit=50", "explained": f"/plan-changes/{run_id}"}
    # The bare side looks for no tenant, so it needs none; it gets as many orders as it may do.
    for side, own in (("bare", list(copies(sample, 6_000 * given.seconds, "Bare"))), ("overstap", tenants[READ_RUNS:])):
        bodies = folder / f"{side}.jsonl"
        bodies.write_text("".join(f"{json.dumps(order(one))}\n" for one in own), encoding="utf-8")
        with serving(side, url) as place:
            for what, path in paths.items():
                yield what, side, wrk(f"{place}/api/v1{path}", token, given)
            yield "submit", side, wrk(f"{place}/api/v1/plan-changes", token, given, str(script), str(bodies))


def main() -> None:
    """Measure, and print a table for each database."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--tenants", type=int, default=12_000)
    parser.add_argument("--connections", type=int, default=16)
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: apt-get install wrk")
    with ExitStack() as stack:
        ground = stack.enter_context(open_ground())
        for kind in (POSTGRESQL, SQLITE):
            table = Table("what", "side", "per second", "p50, ms", "p99, ms", "failed", title=kind)
            for what, side, load in measure(ground.fresh(kind), given, ground.folder):
                table.add_row(what, side, f"{load.rate:,.0f}", f"{load.p50:.1f}", f"{load.p99:.1f}", str(load.failed))
            Console().print(table)


if __name__ == "__main__":
    main()
