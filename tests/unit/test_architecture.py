"""ARCHITECTURE.md held against the code: who calls whom, which routes are public, what rules may reach, what the kit consists of."""

import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml
from authserver.admin.v1 import admin_pb2
from authserver.audit.v1 import audit_pb2
from authserver.authorize.v1 import authorize_pb2
from authserver.registry.v1 import registry_pb2
from authserver.token.v1 import token_pb2
from authserver.vault.v1 import vault_pb2

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "ARCHITECTURE.md").read_text()
SERVICES = ("registry", "authorize", "token", "vault", "audit", "admin")
# Certificates that belong to no service: the gateway passes operators on, `operator` is tooling without a gateway.
OUTSIDE = frozenset({"gateway", "operator"})
CALLERS: Mapping[str, Mapping[str, frozenset[str]]] = {
    service: importlib.import_module(f"services.{service}.app").CALLERS for service in SERVICES
}
CONTRACTS = {
    service.full_name
    for file in (admin_pb2, audit_pb2, authorize_pb2, registry_pb2, token_pb2, vault_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
}


def called_by_table() -> dict[str, set[str]]:
    """Caller → called, from the total tables of every app."""
    found: dict[str, set[str]] = {service: set() for service in SERVICES}
    for called, rows in CALLERS.items():
        for caller in frozenset().union(*rows.values()) - OUTSIDE:
            found[caller].add(called)
    return found


def called_on_the_page() -> dict[str, set[str]]:
    """Caller → called, as law 2 writes it down."""
    (law,) = re.findall(r"^2\. \*\*Calls are acyclic\*\*:(.*?)^3\.", PAGE, re.MULTILINE | re.DOTALL)
    return {caller: {name.strip() for name in called.split(",")} for caller, called in re.findall(r"(\w+) → \{([^}]*)\}", law)}


def channels(service: str) -> Iterator[str]:
    """The peers an app opens a channel to by name."""
    for node in ast.walk(ast.parse((ROOT / "services" / service / "app.py").read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "channel":
            (peer,) = node.args
            if isinstance(peer, ast.Constant):
                yield str(peer.value)


def test_calls_between_services_have_no_cycle() -> None:
    """Law 2, from the callers tables; TopologicalSorter raises CycleError."""
    order = list(TopologicalSorter(called_by_table()).static_order())
    assert set(order) == set(SERVICES)


def test_the_callers_tables_are_what_the_page_says() -> None:
    """Law 2: registry, vault and audit call nobody; authorize, token and admin those the page names."""
    assert {caller: called for caller, called in called_by_table().items() if called} == called_on_the_page()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_opens_channels_only_to_those_who_let_it_in(service: str) -> None:
    """Law 2."""
    assert set(channels(service)) <= called_by_table()[service]


# Contracts agreed on whose service does not offer them yet; a row here leaves when the service comes.
NOT_OFFERED_YET: frozenset[str] = frozenset()


def test_every_contract_has_its_row_of_callers() -> None:
    """Law 12."""
    assert CONTRACTS - {name for rows in CALLERS.values() for name in rows} == NOT_OFFERED_YET


@pytest.mark.parametrize("service", SERVICES)
def test_every_row_of_callers_is_a_contract_and_names_processes_there_are(service: str) -> None:
    """Law 12: a misspelt row would let nobody in, or somebody nobody meant."""
    for name, callers in CALLERS[service].items():
        assert name in CONTRACTS
        assert name.startswith(f"authserver.{service}.")
        assert callers, f"{name} is offered to nobody"
        assert callers <= {*SERVICES, *OUTSIDE} - {service}


# A rule that wants one of these has a port or the kit for it (law 11); uuid.UUID as a type is no source of randomness.
IMPURE = frozenset({"time", "random", "secrets", "os", "socket", "ssl", "subprocess", "http", "urllib.request", "requests"})
SOURCES = re.compile(r"\b(?:datetime\.(?:now|utcnow|today)|date\.today|uuid\.uuid\d|UUID\.uuid\d|os\.environ|os\.urandom)\b")
RULES = sorted(
    path
    for path in (ROOT / "services").rglob("*.py")
    if not {"adapters", "api"} & set(path.parts) and path.name not in {"app.py", "__main__.py"}
)


@pytest.mark.parametrize("path", RULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_rules_take_no_clock_randomness_network_or_environment_of_their_own(path: Path) -> None:
    """Law 11."""
    text = path.read_text()
    imported: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    assert imported & IMPURE == set(), "ask a port, or put it into the kit (randomness lives in kit.credentials)"
    assert not {name for name in imported if name in {"uuid.uuid4", "uuid.uuid1", "uuid.uuid7"}}
    assert SOURCES.findall(text) == []


# Where strangers' input enters: bodies of the operator's API and registration metadata.
STRANGERS = ("services/admin/api/http/", "services/registry/metadata.py")
# Collects problems while one call lasts, and is nobody's value.
MUTABLE = {"_Problems"}


def test_pydantic_stands_only_where_strangers_input_enters() -> None:
    """Rings; the settings are kit.settings' and config's."""
    reading = [path.relative_to(ROOT) for path in (ROOT / "services").rglob("*.py") if re.search(r"^from pydantic", path.read_text(), re.M)]
    assert reading
    assert [str(path) for path in reading if not str(path).startswith(STRANGERS)] == []


@pytest.mark.parametrize("path", RULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_values_are_frozen_and_slotted(path: Path) -> None:
    """Rings."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef) and node.name not in MUTABLE:
            for decorator in map(ast.unparse, node.decorator_list):
                if decorator.startswith("dataclass"):
                    assert {"frozen=True", "slots=True"} <= set(re.findall(r"\w+=True", decorator)), f"{path.name}: {node.name}"


def routed() -> dict[str, set[str]]:
    """Service → public paths, as the gateway's table has them."""
    found: dict[str, set[str]] = {}
    for row in yaml.safe_load((ROOT / "gateway" / "routes.yaml").read_text())["public"]:
        found.setdefault(row["to"].removesuffix("_http"), set()).add(row.get("path") or row["prefix"])
    return found


def public_on_the_page(service: str) -> set[str]:
    """The column "public HTTP" of the table of owners, braces and optional tails spelled out."""
    (cell,) = re.findall(rf"^\| \*\*{service}\*\* \|[^|]*\|([^|]*)\|", PAGE, re.MULTILINE)
    paths: set[str] = set()
    for text in re.findall(r"`([^`]+)`", cell):
        before, choices, after = re.fullmatch(r"([^{]*)(?:\{([^}]*)\})?(.*)", text).groups()  # type: ignore[union-attr]
        for choice in (choices or "").split(","):
            whole = before + choice + after
            paths |= {whole.partition("[")[0], whole.partition("[")[0] + "/"} if "[" in whole else {whole}
    return paths


@pytest.mark.parametrize("service", ["registry", "authorize", "token"])
def test_every_public_path_on_the_page_is_routed_to_its_owner(service: str) -> None:
    paths = routed()[service]
    prefixes = tuple(path for path in paths if path.endswith("/"))
    assert {path for path in public_on_the_page(service) - paths if not path.startswith(prefixes or "none")} == set()


@pytest.mark.parametrize("service", ["registry", "authorize", "token"])
def test_every_path_a_service_answers_is_on_the_page(service: str) -> None:
    """Read from the handlers' own route tables; a template's parameter stands for the rest of the path."""
    text = (ROOT / "services" / service / "api" / "http.py").read_text()
    api = importlib.import_module(f"services.{service}.api.http")
    answered: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Route":
            path = node.args[1]
            if isinstance(path, ast.Constant):
                answered.add(str(path.value))
            elif isinstance(path, ast.Name) and hasattr(api, path.id):
                answered.add(getattr(api, path.id))
    assert answered, "the handlers' tables can be read"
    told = "add the path to the owner's line in ARCHITECTURE.md, and take it from what is only routed"
    listed = public_on_the_page(service)
    tails = tuple(path for path in listed if path.endswith("/"))
    assert {path for path in answered if path not in listed and not path.startswith(tails or "none")} == set(), told


def test_the_page_lists_the_whole_kit() -> None:
    """Whoever looks for a mechanism finds it on the page, and finds nothing there that is gone."""
    (block,) = re.findall(r"^## The kit$(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    there = {
        path.stem for path in (ROOT / "kit").iterdir() if path.stem not in {"__init__", "__pycache__"} and not path.name.startswith(".")
    }
    assert set(re.findall(r"`(\w+)`", block)) == there, "the table of ARCHITECTURE.md and the folder differ"
