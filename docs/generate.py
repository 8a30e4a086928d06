"""Writes the parts of the reference that the code itself can tell: run it after a change of the code.

    python docs/generate.py            rewrites what stands between the marks in docs/reference/*.md
    python docs/generate.py --check    changes nothing; exits 1 and names the pages that are behind

A mark is `<!-- generated: NAME -->`; what it stands for ends at `<!-- /generated -->`.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import crossdock
from crossdock import errors, hooks
from crossdock.cli.main import crossdock as command_line
from crossdock.cli.session import Session
from crossdock.config import json_schema
from crossdock.model import (
    Address,
    Consignment,
    ConsignmentKind,
    Customer,
    Line,
    Order,
    Stage,
    Status,
    order_to_json,
)
from crossdock.plugins import SUBSET, load_plugins
from crossdock.state.migrations import schema
from crossdock_sandbox import control, faults
from crossdock_sandbox import store as sandbox_store
from sqlite_utils import Database

REFERENCE = Path(__file__).resolve().parent / "reference"
MARK = re.compile(r"(<!-- generated: (?P<name>[^>]+?) -->\n)(?P<body>.*?)(<!-- /generated -->)", re.DOTALL)
BUNDLED = {SUBSET: "bigcommerce,carriers,sandbox"}  # what else is installed here is no part of the reference


def main(arguments: Sequence[str]) -> int:
    """Rewrites the pages, or tells which are behind."""
    os.environ.update(BUNDLED)
    behind = []
    for page in sorted(REFERENCE.glob("*.md")):
        written = page.read_text(encoding="utf-8")
        current = brought_up_to_date(written)
        if current != written:
            behind.append(page.name)
            if "--check" not in arguments:
                page.write_text(current, encoding="utf-8")
    if "--check" in arguments and behind:
        print(f"{', '.join(behind)}: not what the code says; run `python docs/generate.py`.", file=sys.stderr)
        return 1
    return 0


def brought_up_to_date(page: str) -> str:
    """The page with every marked part as the code has it now."""
    return MARK.sub(lambda found: f"{found[1]}\n{part(found['name']).strip()}\n\n{found[4]}", page)


def part(name: str) -> str:
    """One marked part. The first word of `name` says what, the rest of which."""
    kind, _, of = name.partition(" ")
    return PARTS[kind](*([of] if of else []))


# The command line


def commands() -> dict[str, click.Command]:
    """Every command by its name, those of the bundled plugins too."""
    context = click.Context(command_line, obj=Session())
    names = command_line.list_commands(context)
    found = {name: command_line.get_command(context, name) for name in names}
    return {
        called: command
        for name, group in found.items()
        if group is not None
        for called, command in [(name, group), *((f"{name} {part}", one) for part, one in _parts(group).items())]
    }


def _parts(command: click.Command) -> Mapping[str, click.Command]:
    return command.commands if isinstance(command, click.Group) else {}


def global_options() -> str:
    return _options(command_line)


def all_commands() -> str:
    return "\n\n".join(_command(name, command) for name, command in commands().items())


def one_command(name: str) -> str:
    return _command(name, commands()[name])


def _command(name: str, command: click.Command) -> str:
    pieces = [piece for parameter in command.params for piece in parameter.get_usage_pieces(click.Context(command))]
    usage = " ".join(["crossdock", name, "[OPTIONS]", *pieces])
    words, _, examples = inspect.cleandoc(command.help or "").partition("\b\n")
    parts = [f"## crossdock {name}", f"`{usage}`", _unwrapped(words)]
    if examples:
        parts.append("```text\n" + inspect.cleandoc(examples.partition("\n")[2]) + "\n```")
    return "\n\n".join([*parts, _options(command)])


def _options(command: click.Command) -> str:
    rows = [_option(option) for option in command.params if isinstance(option, click.Option)]
    rows.append(("`-h`, `--help`", "Show what the command does and end."))
    return _table(("option", "meaning"), rows)


def _option(option: click.Option) -> tuple[str, str]:
    takes = "" if option.is_flag else f" {option.metavar or _placeholder(option)}"
    words = [option.help or ""]
    if isinstance(option.type, click.Choice):
        words.append(f"One of {', '.join(f'`{choice}`' for choice in option.type.choices)}.")
    if isinstance(option.type, click.IntRange):
        limits = [f"{word} {limit:,}" for word, limit in (("from", option.type.min), ("to", option.type.max)) if limit]
        words += [f"A whole number {' '.join(limits)}."] if limits else []
    if isinstance(option.default, (int, str)) and not option.is_flag:
        words.append(f"Default: `{option.default}`.")
    return ", ".join(f"`{name}{takes}`" for name in option.opts), " ".join(word for word in words if word)


def _placeholder(option: click.Option) -> str:
    return "N" if isinstance(option.type, click.IntRange) else (option.name or "").upper()


# stores.yaml


def setting_rows() -> dict[str, list[tuple[str, str, str, str]]]:
    """Per section of `stores.yaml`: key, kind, default and meaning of each of its keys."""
    plugins = load_plugins()
    described = json_schema(plugins.connectors(), plugins.carriers())
    definitions = described["$defs"]
    papers = described["properties"]["papers"]
    store = described["properties"]["stores"]["additionalProperties"]
    carrier = described["properties"]["carriers"]["additionalProperties"]
    sections = {
        "engine": described["properties"]["engine"],
        "engine.web": definitions["engine.WebSection"],
        "defaults": described["properties"]["defaults"],
        "papers": papers,
        "papers.printers": papers["properties"]["printers"]["additionalProperties"],
        "carriers": carrier,
        "stores": store,
        "stores.sender": definitions["store.SenderSection"],
    }
    for rule in (*store["allOf"], *carrier["allOf"]):
        if "if" in rule:
            (key,) = rule["if"]["required"]
            name = rule["if"]["properties"][key]["const"]
            sections[name] = rule["then"]["properties"]["settings"]
            sections |= {
                f"{name}.{key}": definitions[value["$ref"].rpartition("/")[2]]
                for key, value in sections[name]["properties"].items()
                if "$ref" in value
            }
    return {name: list(_setting_rows(section)) for name, section in sections.items()}


def _setting_rows(section: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for key, value in section["properties"].items():
        default = "**required**" if key in section.get("required", ()) else _default(value)
        yield f"`{key}`", _kind(value), default, value.get("description", "")


def settings(section: str) -> str:
    return _table(("key", "value", "default", "meaning"), setting_rows()[section])


def _default(value: Mapping[str, Any]) -> str:
    if "$ref" in value:
        return "see below"
    default = value.get("default")
    return "none" if default in (None, "") else f"`{json.dumps(default, ensure_ascii=False)}`"


def _kind(value: Mapping[str, Any]) -> str:
    if "$ref" in value:
        return "mapping"
    branches = [branch for branch in value.get("anyOf", [value]) if branch.get("pattern") != r"\$\{"]
    kinds = dict.fromkeys(_plain_kind(branch) for branch in branches if branch.get("type") != "null")
    return " or ".join(kinds)


def _plain_kind(branch: Mapping[str, Any]) -> str:
    if "$ref" in branch:
        return "mapping"
    if "anyOf" in branch:
        return _kind(branch)
    if "enum" in branch:
        choices = {str(choice).casefold(): choice for choice in branch["enum"]}.values()  # each in one spelling
        return " or ".join(f"`{choice}`" for choice in choices) if len(choices) < 7 else "status"
    if branch.get("type") == "string" and str(branch.get("pattern", "")).startswith("^(?=[0-9])"):
        return "duration"
    words = {
        "string": "text",
        "integer": "whole number",
        "boolean": "true or false",
        "array": "list",
        "object": "mapping",
    }
    lowest, highest = branch.get("minimum"), branch.get("maximum")
    limits = f" from {lowest}" if lowest is not None else ""
    limits += f" to {highest}" if highest is not None else ""
    return words[branch["type"]] + limits


# The database

MEANINGS = {
    "under_way": "whether all that was left of it is on its way, and the store is still to be told",
    "tab": "where the page lists it: `new`, `waiting`, `shipped` or `closed`",
    "account_name": "the account's name, as the platform last told it",
    "as_of": "the platform's time of the view that this row shows",
    "at": "when",
    "barcode": "EAN, UPC or GTIN",
    "bin": "where it lies in the warehouse",
    "bound_at": "when the name was bound to the account: at its first import",
    "carrier_requests.made_at": "when the parcel was first asked for",
    "carrier_requests.said": "the carrier and the parcel, as they were said",
    "channel": "the sales channel, as the platform names it",
    "collected_at": "when somebody said that the buyer has collected it",
    "colour": "found among the options, see `product_options`",
    "connector": "the platform's connector",
    "consignments.kind": "`shipping`, `pickup` or `digital`",
    "currency": "ISO 4217",
    "customer_company": "of the buyer",
    "customer_email": "of the buyer",
    "customer_message": "what the buyer wrote to the merchant",
    "customer_name": "of the buyer",
    "customer_phone": "of the buyer",
    "derivation": "the mapping that the row was made with",
    "digest": "by which an unchanged order is recognised",
    "created_at": "when it was made",
    "ended_at": "null while it goes on",
    "erased_at": "when the buyer's personal data was erased; null again once the store has changed the order",
    "gift_message": "what the buyer wants written on the card",
    "gift_wrap": "the wrapping that the buyer chose",
    "hs_code": "customs tariff number, found among the options",
    "imported_at": "when crossdock first saved it",
    "key": "crossdock's own number of the row",
    "labels.content": "the label itself",
    "labels.media_type": "what the label is, such as `application/pdf`",
    "lines.name": "the product's",
    "modified_at": "by the platform",
    "number": "what people call the order",
    "order_id": "the platform's id of the order",
    "order_key": "`orders.key`",
    "parent_id": "the line that this one is a part of, such as a bundle",
    "placed_at": "by the buyer",
    "position": "from 0, in the platform's order",
    "quantity": "how many were bought",
    "quantity_refunded": "how many of them were paid back",
    "quantity_shipped": "how many of them have left",
    "reason": "a clause about the order, without personal data",
    "requires_shipping": "0 for what never lies in a parcel",
    "runs.error": "why it failed, as it was shown",
    "runs.folded": "how many runs before it this one stands for as well: none of them had anything new",
    "runs.id": "crossdock's own number of the run",
    "runs.imported": "new orders",
    "runs.kind": "`changes`, `days` or `order`",
    "runs.last_request_id": "the platform's own id of its last answer, for its support",
    "runs.outcome": "`done`, `failed`, `stopped` or `killed`; null while it goes on",
    "runs.pages": "transactions",
    "runs.quota_left": "requests that the platform still allowed",
    "runs.requests": "tries, repeated ones too",
    "runs.retries": "repeated tries",
    "runs.set_aside": "views that could not be understood",
    "runs.skipped": "views of orders that were not taken",
    "runs.started_at": "when it began",
    "runs.unchanged": "views that said nothing new; an order may be seen more than once",
    "runs.updated": "orders that changed",
    "runs.waited_s": "seconds spent waiting for the platform",
    "seen_at": "when crossdock saved it",
    "service": "the shipping method that the buyer chose",
    "set_asides.error": "what could not be understood: a field and what was expected, no buyer's value",
    "set_asides.raw": "JSON as the platform sent it, compressed by zlib; empty once it was erased",
    "set_asides.seen_at": "when crossdock first saved this raw",
    "country": "of `ship_to`, by which lists are narrowed",
    "shipment": "`shipments.id`",
    "shipment_lines.quantity": "how many units of it",
    "shipments.sets_aside": "1 if the goods wait to be collected",
    "shipping_allowed": "1 if the platform's status lets goods leave",
    "size": "found among the options, see `product_options`",
    "sku": "the merchant's own code of the product",
    "staff_notes": "what the merchant's people noted",
    "stage": "crossdock's own view, see [the stages](order-json.md#stages)",
    "status_id": "the platform's",
    "status_name": "the platform's",
    "store": "the store's name",
    "stores.name": "as in `stores.yaml`",
    "timeline.event": "what happened, see below",
    "timeline.id": "in the order in which things happened",
    "tracking_link": "the page on which the parcel can be followed",
    "tracking_number": "as it is now",
    "updated_at": "when one of its fields last changed here",
    "writebacks.attempts": "how often the store was turned to since it was last said",
    "writebacks.version": "grows with each change, so that two who change it notice",
}
"""What a column holds where its migration has no comment, by `table.column` or by the column alone."""


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    """An empty database with today's tables."""
    with closing(Database(memory=True)) as made:
        schema.apply(made)
        yield made.conn


def table(name: str) -> str:
    with database() as connection:
        (statement,) = connection.execute("select sql from sqlite_master where name = ?", (name,)).fetchone()
        columns = connection.execute(f"pragma table_xinfo({name})").fetchall()
    comments = {found[1]: found[2] for found in re.finditer(r"^\s*(\w+) [^\n]*?-- (.+)$", statement, re.MULTILINE)}
    rows = []
    for _, column, kind, needed, _, in_key, _ in columns:
        words = comments.get(column) or MEANINGS.get(f"{name}.{column}") or MEANINGS.get(column, "")
        rows.append((f"`{column}`", f"{kind.lower()}{'' if needed or in_key else ', may be null'}", words))
    return _table(("column", "kind", "meaning"), rows)


# Errors, names, hooks, the contract


def error_classes() -> list[type[Exception]]:
    """Every error class, in the order in which they stand in `errors.py`."""
    return [thing for thing in vars(errors).values() if isinstance(thing, type) and issubclass(thing, Exception)]


def all_errors() -> str:
    rows = []
    for error in error_classes():
        depth = len(error.__mro__) - len(errors.CrossdockError.__mro__)
        code = 2 if issubclass(error, (errors.ConfigError, errors.UsageError)) else 1
        where = "`crossdock`" if error.__name__ in crossdock.__all__ else "the engine's own"
        rows.append((f"{'· ' * depth}`{error.__name__}`", _first_words(error.__doc__), str(code), where))
    return _table(("class", "meaning", "exit code", "import from"), rows)


def public_names() -> str:
    notes = {
        "AnyCarrier": "A carrier of whatever kind.",
        "AnyConnector": "A connector of whatever platform.",
        "Json": "What JSON can hold.",
        "hookimpl": "Marks a function as the implementation of a hook.",
    }
    notes |= {
        name: words
        for module in ("connector", "carrier", "model", "shipment", "clock", "http")
        for name, words in attribute_docs(_source_of(f"crossdock.{module}")).items()
    }
    rows = []
    for name in crossdock.__all__:
        thing = getattr(crossdock, name)
        own = thing.__doc__ if inspect.isclass(thing) or inspect.isfunction(thing) else None
        rows.append((f"`{name}`", notes.get(name) or _first_words(own)))
    return _table(("name", "what it is"), rows)


def hook(name: str) -> str:
    specification = getattr(hooks, name)
    return f"```python\ndef {name}{_signature(specification)}\n```\n\n{_unwrapped(inspect.getdoc(specification) or '')}"


def hook_names() -> list[str]:
    """Every hook there is."""
    return [name for name, thing in vars(hooks).items() if hasattr(thing, f"{hooks.PROJECT}_spec")]


def contract(of: str = "Connector") -> str:
    parts = []
    for name, member in vars(getattr(crossdock, of)).items():
        if name.startswith("_"):
            continue
        function = getattr(member, "__func__", member)
        if not inspect.isfunction(function):
            continue
        asked = " *Required.*" if getattr(member, "__isabstractmethod__", False) else ""
        waits = "async " if inspect.iscoroutinefunction(function) else ""
        words = _unwrapped(inspect.getdoc(function) or "")
        parts.append(f"### `{name}`\n\n```python\n{waits}def {name}{_signature(function)}\n```\n\n{words}{asked}")
    return "\n\n".join(parts)


def values(names: str) -> str:
    parts = []
    for name in names.split():
        thing = getattr(crossdock, name)
        lines = [f"{field}: {kind}" for field, kind in _annotations(thing).items()]
        words = _unwrapped(inspect.getdoc(thing) or "")
        parts.append(f"### `{name}`\n\n{words}" + (f"\n\n```text\n{chr(10).join(lines)}\n```" if lines else ""))
    return "\n\n".join(parts)


def _annotations(thing: type) -> dict[str, str]:
    if issubclass(thing, str):
        return {}
    given = inspect.get_annotations(thing)
    return {name: str(kind) for name, kind in given.items() if not str(kind).startswith("ClassVar")}


def _signature(function: Callable[..., object]) -> str:
    return str(inspect.signature(function)).replace("'", "")


# The order as JSON


def order_example() -> str:
    return f"```json\n{json.dumps(example_order(), indent=2, ensure_ascii=False, default=str)}\n```"


def example_order() -> dict[str, Any]:
    """One order with every field, as JSON has it."""
    buyer = Address(
        name="Mia Example",
        street="1 Sample Street",
        city="Perth",
        region="Western Australia",
        postcode="6000",
        country="AU",
        phone="0400 000 000",
        email="mia@example.com",
    )
    shirt = Line(
        id="668",
        name="T-shirt",
        quantity=2,
        quantity_shipped=1,
        sku="TEE-M-NVY",
        bin="A-03",
        unit_price=Decimal("29.95"),
        weight_grams=180.0,
        options={"Size": "M", "Colour": "Navy"},
        size="M",
        colour="Navy",
    )
    order = Order(
        id="151",
        number="151",
        status=Status(id="3", name="Partially Shipped"),
        stage=Stage.PART_SHIPPED,
        shipping_allowed=True,
        placed_at=datetime(2026, 5, 1, 10, 0, tzinfo=UTC),
        modified_at=datetime(2026, 5, 2, 8, 30, tzinfo=UTC),
        currency="AUD",
        total=Decimal("69.90"),
        customer=Customer(name="Mia Example", email="mia@example.com", phone="0400 000 000"),
        billing=buyer,
        customer_message="Please leave it at the door.",
        channel="1",
        consignments=(
            Consignment(id="355", kind=ConsignmentKind.SHIPPING, ship_to=buyer, service="Flat Rate", lines=(shirt,)),
        ),
    )
    document: dict[str, Any] = order_to_json("acme-au", order)
    return document


# The simulated store


def control_endpoints() -> str:
    words = inspect.cleandoc(control.__doc__ or "")
    return "\n\n".join(
        f"```text\n{block}\n```" if re.match(r"(GET|POST) ", block) else _unwrapped(block)
        for block in words.split("\n\n")[1:]
    )


def fault_kinds() -> str:
    said = attribute_docs(Path(faults.__file__), within="FaultKind")
    return _table(("kind", "what happens"), [(f"`{kind.value}`", said[kind.name]) for kind in faults.FaultKind])


def fault_fields() -> str:
    rows = []
    for name in control.FaultInput.__struct_fields__:
        default = inspect.signature(control.FaultInput).parameters[name].default
        shown = "**required**" if default is inspect.Parameter.empty else f"`{json.dumps(default)}`"
        rows.append((f"`{name}`", shown))
    return _table(("field", "default"), rows)


def behaviour() -> str:
    block = inspect.cleandoc(sandbox_store.Behaviour.__doc__ or "").split("\n\n")[1]
    said = {
        found[1]: " ".join(found[2].split()) for found in re.finditer(r"^(\w+): (.*(?:\n\s+.*)*)", block, re.MULTILINE)
    }
    said |= {"quota": "requests in one window", "quota_window_s": "how long a window lasts, in seconds"}
    return _table(
        ("setting", "meaning"), [(f"`{name}`", said[name]) for name in control.SettingsInput.__struct_fields__]
    )


# Helpers


def attribute_docs(path: Path, within: str | None = None) -> dict[str, str]:
    """The texts that stand below assignments, by the assigned name; of a class's body if `within` names one."""
    body: Iterable[ast.stmt] = ast.parse(path.read_text(encoding="utf-8")).body
    if within is not None:
        body = next(node.body for node in body if isinstance(node, ast.ClassDef) and node.name == within)
    found: dict[str, str] = {}
    before: ast.stmt | None = None
    for node in body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            target = before.targets[0] if isinstance(before, ast.Assign) else getattr(before, "target", None)
            if isinstance(target, ast.Name):
                found[target.id] = _unwrapped(inspect.cleandoc(node.value.value))
        before = node
    return found


def _source_of(module: str) -> Path:
    return Path(str(sys.modules[module].__file__))


def _first_words(doc: str | None) -> str:
    return _unwrapped(inspect.cleandoc(doc or "").split("\n\n")[0])


def _unwrapped(words: str) -> str:
    """Paragraphs in one line each; indented ones, which are lists, as they are."""
    blocks = re.split(r"\n\s*\n", words.strip())
    return "\n\n".join(block if "\n  " in block else " ".join(block.split()) for block in blocks)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


PARTS: Mapping[str, Callable[..., str]] = {
    "global-options": global_options,
    "commands": all_commands,
    "command": one_command,
    "settings": settings,
    "table": table,
    "errors": all_errors,
    "public-names": public_names,
    "hook": hook,
    "contract": contract,
    "values": values,
    "order-example": order_example,
    "control": control_endpoints,
    "fault-kinds": fault_kinds,
    "fault-fields": fault_fields,
    "behaviour": behaviour,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
