"""
The shape of the tree: floors, cycles, sizes, doors, and which files may touch the world.

A rule is a function from the sources of a package to its breaches. Each rule is applied to the tree, and each
is shown an example that breaks it, so that a rule which has gone blind fails too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from parsed import parsed

REPOSITORY = Path(__file__).resolve().parent.parent

FLOORS = {
    # 6 surface
    "__main__.py": 6, "cli.py": 6, "cli/": 6, "compat/": 6, "func.py": 6, "func/": 6, "graph/": 6,
    "langchain/agents/": 6, "prebuilt/": 6, "testing.py": 6, "testing/": 6,
    # 5 world
    "cache/memory.py": 5, "cache/sqlite.py": 5, "checkpoint/memory.py": 5, "checkpoint/persistent_dict.py": 5,
    "checkpoint/sqlite/": 5, "drivers/": 5, "store/memory.py": 5, "store/sqlite/": 5,
    # 4 observe
    "langchain/": 4, "stream/": 4, "tracing/": 4,
    # 3 engine
    "engine/": 3,
    # 2 plan
    "plan/": 2,
    # 1 state
    "cache/": 1, "channels/": 1, "checkpoint/": 1, "langchain/messages.py": 1, "managed/": 1,
    "messages/": 1, "runtime.py": 1, "schema.py": 1, "schema/": 1, "store/": 1,
    # 0 words
    "__init__.py": 0, "command.py": 0, "constants.py": 0, "errors.py": 0, "events.py": 0, "ids.py": 0,
    "infos.py": 0, "missing.py": 0, "options.py": 0, "policies.py": 0, "run_config.py": 0,
    "snapshot.py": 0, "timeout.py": 0, "tracebacks.py": 0, "typing.py": 0, "usage.py": 0, "version.py": 0,
    "warnings.py": 0,
    # doors at LangGraph's import paths
    "callbacks.py": 6, "config.py": 6, "pregel/": 6, "types.py": 6, "utils/": 6,
    # a door of our own
    "telemetry.py": 6,
}  # fmt: skip
"""Path below otgraph/ -> floor; the longest match counts. A folder ends in a slash."""

DOORS = {
    "callbacks.py",
    "config.py",
    "telemetry.py",
    "types.py",
    "graph/message.py",
    "graph/ui.py",
    "prebuilt/chat_agent_executor.py",
    "prebuilt/interrupt.py",
    "prebuilt/tool_node.py",
    "prebuilt/tool_validator.py",
    "pregel/protocol.py",
    "pregel/types.py",
    "utils/config.py",
    "utils/runnable.py",
}
"""Files that only re-export, besides every `__init__.py`."""

SIBLINGS = {
    ("messages", ""): "tokens are told through the scope of a call",
    ("messages", "langchain"): "messages are LangChain's objects where it is installed",
    ("", "cli"): "`python -m otgraph` is the command",
    ("cli", "graph"): "what the command line names is a compiled graph",
    ("", "channels"): "a schema turns annotations into channels",
    ("", "managed"): "a schema turns annotations into managed values",
    ("func", "graph"): "a function of the functional API is a compiled graph",
    ("cache", "checkpoint"): "what is cached is stored as checkpoints store it",
    ("cache", "store"): "the cache on SQLite opens its file as the store does",
    ("checkpoint", "channels"): "a checkpoint holds what channels store",
    ("langchain", "graph"): "an agent is an ordinary graph",
    ("compat", "langchain"): "a Command must pass through LangChain's tools",
    ("utils", "compat"): "names that packages import",
    ("pregel", "graph"): "the base of compiled graphs",
    ("prebuilt", "langchain"): "agents are LangChain's: these are the doors to them",
    ("langchain", "tracing"): "callbacks are told what spans are",
    ("stream", "langchain"): "the answers of models are streams of LangChain's",
    ("stream", "tracing"): "a stream reads the record that tracing writes",
}
"""(importing folder, imported folder) on one floor -> why; "" is otgraph/ itself."""

ADAPTERS = {
    "cache/sqlite.py": "SQLite blocks, so its async methods have a thread; users call it outside of runs too",
    "checkpoint/sqlite/": "SQLite blocks, so its async twin has a worker thread; users call it outside of runs too",
    "store/sqlite/": "the same, and what has expired is swept in the background",
}
"""Folders besides drivers/ that may wait -> why."""


@dataclass(frozen=True)
class Ban:
    """Something that only some files may import or call."""

    modules: str
    """Matches the beginning of a module's name, up to a dot."""
    advice: str
    calls: str = ""
    """Matches the whole name of a function."""
    outside: tuple[str, ...] = ("//",)
    """The files and folders it is for."""
    inside: tuple[str, ...] = ("",)
    """The files and folders the ban is for."""

    def covers(self, source: Source, use: str) -> bool:
        pattern = rf"(?:{self.calls})\(\)" if use.endswith("()") else rf"(?:{self.modules})(?:\..*)?"
        here = source.path.startswith(self.inside) and not source.path.startswith(self.outside)
        return here and re.fullmatch(pattern, use) is not None


BANS = [
    Ban(
        r"threading|_thread|asyncio|concurrent\.futures|multiprocessing|time\.sleep",
        "only drivers/ waits; ask it by an effect",
        calls=r"time\.sleep",
        outside=("drivers/", *ADAPTERS),
    ),
    Ban("langchain_core", "only langchain/ knows it", outside=("langchain/",)),
    Ban("opentelemetry|structlog", "only tracing/ and stream/ know it", outside=("tracing/", "stream/")),
    Ban("langgraph", "it is no part of the product"),
    Ban(
        "time|random|secrets|uuid|queue|signal|subprocess|socket|ssl|http|urllib|io|os|pathlib|shutil|tempfile"
        "|sqlite3|logging",
        "the engine has no clock, no chance and no I/O; yield an effect, or tell the observer",
        calls=r"open|print|input|(datetime\.)?(datetime|date)\.(now|utcnow|today)",
        inside=("engine/",),
    ),
    Ban(
        r"importlib\.import_module",
        "an import in a string hides from these rules",
        calls=r"importlib\.import_module|__import__",
    ),
]

ALLOWED = {
    ("cli/probe.py", "time.sleep()"): "it waits for a backend; no run waits with it",
    ("cli/run.py", "asyncio"): "a command is a whole program: somebody has to start the event loop",
    ("cli/target.py", "importlib.import_module()"): "the command line names the module",
    ("cache/memory.py", "threading.Lock"): "one cache serves the runs of several threads",
    ("checkpoint/serde/decode.py", "importlib.import_module"): "stored arrays need numpy",
    ("checkpoint/serde/encrypted.py", "importlib.import_module"): "the cipher may be missing",
    ("checkpoint/serde/legacy.py", "importlib.import_module"): "old stored data may need LangChain's reviver",
    ("checkpoint/serde/names.py", "importlib.import_module"): "stored data names classes by module and name",
    ("compat/finder.py", "importlib.import_module()"): "it is the import system that asks",
    ("compat/lent.py", "importlib.import_module"): "names are lent when a package imports their module",
    ("constants.py", "importlib.import_module"): "old names resolve on demand; their homes import constants",
    ("engine/tasks.py", "logging"): "a packet for an unknown node is worth a warning that nobody waits for",
    ("engine/writes.py", "logging"): "a write to an unknown channel is worth a warning that nobody waits for",
    ("store/base/batch.py", "asyncio"): "merges the calls of one tick of a loop, and has to know that loop",
    ("store/base/embed.py", "asyncio"): "a store is called by users too, where there is no driver to ask",
    ("store/memory.py", "threading.Lock"): "one store serves the runs of several threads",
    ("stream/subscription.py", "threading.Lock"): "drops are counted in one thread and told in another",
    ("tracing/batches.py", "threading.Condition"): "exporting goes on between runs and after them",
    ("tracing/batches.py", "threading.Event"): "the same",
    ("tracing/batches.py", "threading.Thread"): "the same",
    ("tracing/forked.py", "threading.Lock"): "locks of the SDK are renewed in forked processes",
    ("tracing/forked.py", "threading.RLock"): "the same",
    ("tracing/lost.py", "threading.Lock"): "spans are lost in several threads",
    ("tracing/setup.py", "multiprocessing.util"): "its processes end in a way of their own",
    ("tracing/setup.py", "threading.Lock"): "an application is set up once, by whichever thread",
    ("tracing/setup.py", "threading.Thread"): "the end of a process does not wait for an exporter that hangs",
    ("tracing/faults.py", "threading.Lock"): "user-given processors fail in any thread",
    ("tracing/readable.py", "threading.RLock"): "any thread may add to a span, as OpenTelemetry demands",
    ("tracing/spending.py", "threading.Lock"): "models are called in several threads at once",
    ("tracing/record.py", "threading.RLock"): "tasks append to the record of their run from several threads",
}
"""(file, what it imports or calls against a ban) -> why it may. An entry nobody needs fails a test."""

FILE_LINES, FUNCTION_LINES, P99_LINES, PARAMETERS = 400, 60, 50, 7
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}
"""Name -> why it may be longer."""

MIRRORED = {
    "CompiledStateGraph.ainvoke", "CompiledStateGraph.astream", "CompiledStateGraph.invoke",
    "CompiledStateGraph.stream", "CompiledStateGraph.astream_events", "CompiledStateGraph.stream_events",
    "Definition.__init__", "Pregel.ainvoke", "Pregel.astream", "Pregel.invoke", "Pregel.stream",
    "StateGraph.add_node", "StateGraph.compile", "ToolNode.__init__", "create_react_agent",
    "entrypoint.__init__", "wire",
}  # fmt: skip
"""Functions whose parameters are LangGraph's."""

HOT = {"Span.__init__": "made for every superstep and task; an object for its arguments would cost as much"}
"""Functions that take more parameters for the sake of speed -> why."""


@dataclass(frozen=True)
class Import:
    """One module that a file imports, wherever in the file."""

    module: str
    line: int
    for_types: bool
    """Under `if TYPE_CHECKING:`."""


@dataclass(frozen=True)
class Source:
    """One file of a package."""

    path: str
    """Below the package's folder."""
    name: str
    tree: ast.Module
    lines: int
    imports: tuple[Import, ...]

    @property
    def is_door(self) -> bool:
        return self.path in DOORS or self.path.endswith("__init__.py")

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0].partition("/")[0]

    @property
    def floor(self) -> int | None:
        known = [
            place
            for place in FLOORS
            if self.path == place or place[-1] == "/" and self.path.startswith(place)
        ]
        return FLOORS[max(known, key=len)] if known else None


Sources = Mapping[str, Source]
Rule = Callable[[Sources], Iterator[str]]


def read(root: Path) -> Sources:
    """Return the sources of the package in the folder `root`, by module name."""
    paths = {_module_name(path, root): path for path in sorted(root.rglob("*.py"))}
    sources = {}
    for name, path in paths.items():
        text = path.read_text()
        tree = parsed(path)
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        imports = tuple(_imports(tree, package, frozenset(paths), for_types=False))
        sources[name] = Source(str(path.relative_to(root)), name, tree, len(text.splitlines()), imports)
    return sources


def _module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(node: ast.AST, package: str, modules: frozenset[str], *, for_types: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, for_types)
        elif isinstance(child, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - child.level + 1] if child.level else []
            base = ".".join([*above, *([child.module] if child.module else [])])
            for alias in child.names:
                whole = f"{base}.{alias.name}"
                ours = base.partition(".")[0] == package.partition(".")[0]
                yield Import(base if ours and whole not in modules else whole, child.lineno, for_types)
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for part, guarded in ((child.body, True), (child.orelse, for_types)):
                yield from _imports(ast.Module(part, []), package, modules, for_types=guarded)
        else:
            yield from _imports(child, package, modules, for_types=for_types)


def _functions(source: Source) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    def within(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield prefix + child.name, child
            named = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            yield from within(child, f"{prefix}{child.name}." if named else prefix)

    yield from within(source.tree, "")


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def floors(sources: Sources) -> Iterator[str]:
    """A file imports from its own folder and from floors below it."""
    for source in sources.values():
        if source.floor is None:
            yield f"{source.path}: has no floor; add it to FLOORS in {Path(__file__).name}"
            continue
        for found in source.imports:
            target = sources.get(found.module)
            if target is None or target.floor is None:
                continue
            here, there = (
                f"{source.path}:{found.line}: floor {source.floor}",
                f"{target.path} of floor {target.floor}",
            )
            folders = (source.folder, target.folder)
            if target.floor > source.floor:
                yield f"{here} imports {there}; move what both need to floor {source.floor} or below"
            elif target.floor == source.floor and folders[0] != folders[1] and folders not in SIBLINGS:
                yield f"{here} imports {there} in another folder; move it down, or argue for it in SIBLINGS"


def cycles(sources: Sources) -> Iterator[str]:
    """No file imports itself by way of others."""
    graph = {
        name: sorted(
            {found.module for found in source.imports if not found.for_types and found.module in sources}
        )
        for name, source in sources.items()
    }
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> Iterator[str]:
        if name in path:
            yield "import cycle: " + " -> ".join([*path[path.index(name) :], name])
        elif name not in done:
            for following in graph[name]:
                yield from walk(following, [*path, name])
            done.add(name)

    for name in graph:
        yield from walk(name, [])


def sizes(sources: Sources) -> Iterator[str]:
    """Files and functions are short."""
    lengths = []
    for source in sources.values():
        if source.lines > FILE_LINES and source.path not in LONG_FILES:
            yield f"{source.path}: {source.lines} lines, over {FILE_LINES}; split it by noun"
        for name, function in _functions(source):
            length = _body_lines(function)
            lengths.append((length, f"{source.path}:{function.lineno} {name}"))
            if length > FUNCTION_LINES and name not in LONG_FUNCTIONS:
                yield f"{source.path}:{function.lineno}: {name} has {length} lines, over {FUNCTION_LINES}"
    lengths.sort(reverse=True)
    over = [f"{name} ({length})" for length, name in lengths if length > P99_LINES]
    if len(over) > max(1, len(lengths) // 100):
        yield f"more than one function in a hundred is over {P99_LINES} lines: {', '.join(over)}"


def parameters(sources: Sources) -> Iterator[str]:
    """A function takes at most seven parameters; beyond that they are an object with a name."""
    for source in sources.values():
        for name, function in _functions(source):
            arguments = function.args
            names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
            names += [a.arg for a in (arguments.vararg, arguments.kwarg) if a]
            count = len(names) - (names[:1] in (["self"], ["cls"]))
            if count > PARAMETERS and name not in MIRRORED and name not in HOT:
                yield (
                    f"{source.path}:{function.lineno}: {name} takes {count} parameters, over {PARAMETERS}; "
                    f"make them an object, or add it to MIRRORED if the signature is LangGraph's"
                )


def doors(sources: Sources) -> Iterator[str]:
    """A door holds a docstring of one line, imports and `__all__`; nobody inside goes through one."""
    for source in sources.values():
        if source.is_door:
            docstring = ast.get_docstring(source.tree, clean=False)
            if docstring is None or "\n" in docstring:
                yield f"{source.path}: a door opens with a docstring of one line"
            for node in source.tree.body[1:] if docstring is not None else source.tree.body:
                is_all = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
                if not is_all and not isinstance(node, (ast.Import, ast.ImportFrom)):
                    yield f"{source.path}:{node.lineno}: a door holds no code; define it elsewhere"
        else:
            for found in source.imports:
                if found.module in sources and sources[found.module].is_door:
                    yield (
                        f"{source.path}:{found.line}: imports from the door {sources[found.module].path}; "
                        f"import from the file that defines the name"
                    )


def bans(sources: Sources) -> Iterator[str]:
    """What touches the world, or belongs to somebody else, is used where it belongs."""
    for source, use, line, ban in _covered(sources):
        if (source.path, use) not in ALLOWED:
            yield f"{source.path}:{line}: uses {use}; {ban.advice} (or argue for it in ALLOWED)"


def _covered(sources: Sources) -> Iterator[tuple[Source, str, int, Ban]]:
    for source in sources.values():
        uses = [(found.module, found.line) for found in source.imports]
        uses += [(f"{name}()", line) for name, line in _calls(source.tree)]
        for use, line in uses:
            for ban in BANS:
                if ban.covers(source, use):
                    yield source, use, line, ban


def _calls(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
            yield ast.unparse(node.func), node.lineno


def docstrings(sources: Sources) -> Iterator[str]:
    """A module says what it is and which rule it keeps."""
    for source in sources.values():
        if not source.is_door and not re.search(
            r"^Rule: \S", ast.get_docstring(source.tree) or "", re.MULTILINE
        ):
            yield f'{source.path}: its docstring needs a line "Rule: …" that says what the file keeps'


RULES = [floors, cycles, sizes, parameters, doors, bans, docstrings]


@pytest.fixture(scope="module")
def tree() -> Sources:
    return read(REPOSITORY / "otgraph")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps_its_rules(rule: Rule, tree: Sources) -> None:
    """Every file of otgraph keeps every rule of the tree."""
    breaches = list(rule(tree))
    assert not breaches, "\n".join([f"{rule.__doc__}", *breaches])


def test_no_exception_outlives_its_need(tree: Sources) -> None:
    """Each exception that is allowed is one that some file makes."""
    paths = {source.path for source in tree.values()}
    made = {(source.path, use) for source, use, _, _ in _covered(tree)}
    assert not {(path, use) for path, use in ALLOWED if path in paths} - made


BREACHES: list[tuple[Rule, dict[str, str], str]] = [
    (floors, {"novelty.py": ""}, "novelty.py: has no floor"),
    (floors, {"ids.py": "def f():\n    import otgraph.schema", "schema.py": ""}, "floor 0 imports schema.py"),
    (floors, {"ids.py": "from otgraph import schema", "schema.py": ""}, "ids.py:1: floor 0"),
    (floors, {"plan/a.py": "from ..engine.b import x", "engine/b.py": ""}, "floor 2 imports engine/b.py"),
    (floors, {"store/base.py": "import otgraph.cache.base", "cache/base.py": ""}, "in another folder"),
    (
        floors,
        {"ids.py": "if TYPE_CHECKING:\n    from otgraph.schema import S", "schema.py": ""},
        "ids.py:2: ",
    ),
    (
        cycles,
        {"ids.py": "import otgraph.a", "a.py": "def f(): import otgraph.ids"},
        "otgraph.a -> otgraph.ids",
    ),
    (sizes, {"ids.py": "\n" * 401}, "401 lines, over 400"),
    (sizes, {"ids.py": "class A:\n  def f(self):\n" + "    pass\n" * 61}, "A.f has 61 lines"),
    (parameters, {"ids.py": "def f(a, b, c, d, *e, f, g, **h): pass"}, "f takes 8 parameters"),
    (doors, {"types.py": '"""Door."""\nx = 1'}, "types.py:2: a door holds no code"),
    (doors, {"types.py": '"""Door.\n\nMore.\n"""'}, "docstring of one line"),
    (
        doors,
        {"channels/__init__.py": "", "a.py": "from otgraph.channels import X"},
        "from the door channels/",
    ),
    (bans, {"stream/a.py": "def f():\n    from concurrent import futures"}, "uses concurrent.futures"),
    (bans, {"stream/a.py": "from threading import Lock"}, "uses threading.Lock; only drivers/ waits"),
    (bans, {"stream/a.py": "from time import sleep"}, "uses time.sleep"),
    (bans, {"stream/a.py": "import time\ntime.sleep(1)"}, "a.py:2: uses time.sleep()"),
    (bans, {"graph/a.py": "from langchain_core.messages import X"}, "only langchain/ knows it"),
    (bans, {"drivers/a.py": "import opentelemetry.trace"}, "only tracing/ and stream/ know it"),
    (bans, {"langchain/a.py": "import langgraph.graph"}, "no part of the product"),
    (bans, {"engine/a.py": "from time import monotonic"}, "uses time.monotonic"),
    (bans, {"engine/a.py": "import datetime\nx = datetime.datetime.now()"}, "uses datetime.datetime.now()"),
    (bans, {"engine/a.py": "print(1)"}, "uses print()"),
    (bans, {"ids.py": "import importlib\nimportlib.import_module('a')"}, "uses importlib.import_module()"),
    (docstrings, {"ids.py": '"""Identities."""'}, 'needs a line "Rule: …"'),
]


@pytest.mark.parametrize(
    ("rule", "files", "message"), BREACHES, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_breach_is_named(rule: Rule, files: dict[str, str], message: str, tmp_path: Path) -> None:
    """Each rule finds an example of what it forbids, and says where."""
    for path, text in files.items():
        file = tmp_path / "otgraph" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    breaches = list(rule(read(tmp_path / "otgraph")))
    assert any(message in breach for breach in breaches), breaches


def test_types_may_be_imported_in_a_circle(tmp_path: Path) -> None:
    """An import under `if TYPE_CHECKING:` makes no cycle."""
    (tmp_path / "otgraph").mkdir()
    (tmp_path / "otgraph" / "ids.py").write_text("if TYPE_CHECKING:\n    from otgraph.errors import E")
    (tmp_path / "otgraph" / "errors.py").write_text("import otgraph.ids")
    assert not list(cycles(read(tmp_path / "otgraph")))


def test_exporters_know_only_the_names() -> None:
    """`otgraph_exporters` imports `otgraph.tracing.names` and nothing else of otgraph."""
    sources = read(REPOSITORY / "exporters" / "otgraph_exporters")
    found = {(s.path, i.module) for s in sources.values() for i in s.imports}
    strange = {(path, module) for path, module in found if module.split(".")[0] in ("otgraph", "langgraph")}
    assert set() == {
        (path, module) for path, module in strange if not module.startswith("otgraph.tracing.names")
    }
