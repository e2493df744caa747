"""What can be imported under LangGraph's paths once otgraph serves them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from .test_packages import HERE, PYTHON, REPOSITORY, run_here

NOT_SERVED = {
    "checkpoint.base": {"writes_sort_key": "orders rows in LangGraph's own savers"},
    "checkpoint.serde.jsonplus": {
        "InvalidModuleError": "otgraph's serialiser warns, and gives back plain data"
    },
    "checkpoint.sqlite.utils": {"*": "SQL of LangGraph's own saver"},
    "pregel.debug": {"*": "makes chunks of LangGraph's own loop; otgraph's are views of its record"},
    "store.sqlite.base": {
        "BaseSqliteStore": "what LangGraph's two stores share",
        "PreparedGetQuery": "SQL of LangGraph's own store",
        "SqliteIndexConfig": "an IndexConfig with fields of LangGraph's own tables",
    },
    "types": {"CacheKey": "made by LangGraph's loop, in whose place otgraph has `FullKey`"},
}
"""Module -> name, or * for all -> why otgraph does not serve it."""


def names(engine: str, given: str = "") -> str:
    ran = subprocess.run(
        [str(PYTHON), str(HERE / "names.py"), engine],
        input=given,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert not ran.returncode, ran.stderr[-3000:]
    return ran.stdout


@pytest.mark.oracle
def test_the_public_names_of_langgraph_are_served() -> None:
    """Each public name of a public module is there under its path, but for those that have a reason not to be."""
    lost = json.loads(names("otgraph", names("langgraph")))
    assert lost == {module: sorted(reasons) for module, reasons in NOT_SERVED.items()}


def test_what_others_have_put_beside_is_found(tmp_path: Path) -> None:
    """A saver published as `langgraph.checkpoint.shelf` is found where it is installed, and is one of otgraph's."""
    folder = tmp_path / "langgraph" / "checkpoint" / "shelf"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "from langgraph.checkpoint.base import BaseCheckpointSaver\n"
        "from langgraph.checkpoint.base.id import uuid6\n"
        "class ShelfSaver(BaseCheckpointSaver):\n    pass\n"
    )
    (tmp_path / "langgraph" / "pregel").mkdir()
    (tmp_path / "langgraph" / "pregel" / "_loop.py").write_text("")
    ran = run_here(
        f"import sys; sys.path.append({str(tmp_path)!r})\n"
        "import otgraph.compat; otgraph.compat.install()\n"
        "from langgraph.checkpoint.shelf import ShelfSaver, uuid6\n"
        "from otgraph.checkpoint.base import BaseCheckpointSaver\n"
        "print(issubclass(ShelfSaver, BaseCheckpointSaver), uuid6().version, uuid6() < uuid6())\n"
        "try:\n    import langgraph.pregel._loop\nexcept ModuleNotFoundError as error:\n    print(error)\n"
    )
    assert ran.stdout.splitlines() == ["True 6 True", "No module named 'langgraph.pregel._loop'"], ran.stderr


def test_names_that_packages_import_from_elsewhere() -> None:
    """Old and roundabout paths lead to the same objects."""
    ran = run_here(
        "import otgraph.compat; otgraph.compat.install()\n"
        "from langgraph.graph.state import Command, Pregel, Send\n"
        "from langgraph.pregel.main import NodeBuilder\n"
        "from langgraph.pregel.types import PregelExecutableTask\n"
        "from langgraph.pregel.protocol import PregelProtocol\n"
        "from langgraph.prebuilt.tool_node import INVALID_TOOL_NAME_ERROR_TEMPLATE, msg_content_output\n"
        "from langgraph.prebuilt.chat_agent_executor import create_react_agent, create_tool_calling_executor\n"
        "import otgraph.pregel, otgraph.types\n"
        "assert (Command, Pregel, Send) == (otgraph.types.Command, otgraph.pregel.Pregel, otgraph.types.Send)\n"
        "assert NodeBuilder is otgraph.pregel.NodeBuilder and issubclass(Pregel, PregelProtocol)\n"
        "assert create_react_agent is create_tool_calling_executor\n"
        "print(msg_content_output({'a': 'é'}))"
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, '{"a": "é"}'), ran.stderr
