"""
Where otgraph differs from LangGraph on purpose, and why.

Each deviation is held to the letter: `deviations/NAME-COLOUR.diff` has the lines that may differ, and a program
that differs in any other line fails. Write the files anew with `OTGRAPH_WRITE_DEVIATIONS=1 pytest tests/parity`.
"""

from __future__ import annotations

import os
from difflib import unified_diff
from pathlib import Path

__all__ = ["DEVIATIONS", "allowed", "difference"]

FOLDER = Path(__file__).parent / "deviations"

DEVIATIONS = {
    "agent_corners.the_last_step": "an answer is given in the last step too, where no tool is called any more",
    "agent_hooks.after_and_all_calls_in_one": "a hook after the model works with version v1 too",
    "checkpoints.threads_missing": "errors say what to do; a state is asked for by a thread id",
    "checkpoints.wrong_checkpointers": "whatever is no saver is refused, numbers too",
    "commands.parent_of_the_root": "a Command that leaves the root keeps graph='__parent__', as the node gave it",
    "config.ambient_functions": "the error says what to do",
    "custom.an_inner_stream_of_its_own": (
        "a stream with subgraphs=True shows custom items of a graph inside a node, whoever else streams them: "
        "watching changes nothing"
    ),
    "drain.asked_before_it_begins": "a chunk that was made is shown, whatever comes next",
    "durability.sync_without_a_saver": "where nothing is saved, durability='sync' does not break the run",
    "durability.words_for_it": "an unknown durability is an error",
    "envelopes.unknown_modes": "an unknown stream mode is an error, not a stream without chunks",
    "error_handlers.a_handler_that_was_done": "a handler that was done is not run again",
    "error_handlers.exceptions_that_are_the_callers": (
        "what is no Exception, as KeyboardInterrupt, is the caller's: no handler keeps it"
    ),
    "errors_validation.what_a_builder_refuses": "a reserved node name and a list edge from nowhere are refused",
    "functional.outside_of_a_run": "the errors say what to do",
    "functional.retries": (
        "the calls of a body that runs again are counted anew, so each is known as the one that it was before"
    ),
    "functional.what_is_refused": "the error says what to do",
    "functional_saved.entrypoints_inside": "a question that a task of a graph inside asks is passed on once",
    "graph_api.deprecated_keywords": "warnings name API versions, not those of another package",
    "inputs.answers_nobody_asked_for": "an answer nobody asked for is an error",
    "inputs.none_as_input": "the error says what there is of the thread",
    "inputs.commands_that_are_refused": "an empty Command is an EmptyInputError",
    "interrupts.an_answer_is_for_one_question": "an answer is taken once; LangGraph gives it to the next question too",
    "interrupts.answers_nobody_can_place": "the error says which questions are open",
    "interrupts.without_a_saver": "the error says what to do",
    "names.types": "StreamMode names tools too",
    "lifecycle.forks": "a run that goes another way goes on from the checkpoint that was asked for",
    "node_cache.a_key_function_that_fails": "a chunk that was made is shown, whatever fails next",
    "order.a_step_that_cannot_be_applied": "a chunk that was made is shown, whatever other modes are asked for",
    "react_agent.models_with_tool_objects": "tools may be bound as objects before",
    "react_agent.questions": "a message that was restored keeps the id that it was shown with",
    "react_agent.what_is_no_model": "the error says what to do",
    "react_agent.what_is_no_prompt": "the error says what was expected",
    "retries.graphs_inside_that_save_themselves": (
        "a graph that has a place for itself goes on where its last attempt stopped"
    ),
    "retries.retry_on_that_is_none": "the error says which value was wrong, and in which task",
    "runnables_nodes.generators": "a generator function may be the node of an async run whose events are read",
    "running.recursion_limit": "the error says which value was wrong",
    "runnables_composed.what_it_is": "an entrypoint has the name of its function",
    "runtimes.a_nested_graph_with_a_store": "a nested graph that was compiled with a store has it",
    "savers.savers_of_one_colour": "the error says which method is missing",
    "savers.what_is_asked_for": "that an answer was taken is saved",
    "state.dataclass_state": "state that was applied is shown even if no next input can be made of it",
    "state.pydantic_state": "state that was applied is shown even if no next input can be made of it",
    "timeouts.custom_items_inside": (
        "what a graph inside writes is a sign of life, whoever streams it: watching changes nothing"
    ),
    "timeouts.defaults_for_handlers": "a timeout for all nodes holds for error handlers",
    "timeouts.limits_that_are_none": "the error says which value was wrong, and what was expected",
    "timeouts.sync_nodes": "sync nodes can have a timeout: whoever does not return is abandoned in its thread",
    "stateful_subgraphs.questions_replayed_over_a_memory": "a checkpoint is shown with the one it belongs to now",
    "subgraph_saves.forks_of_nested_graphs": "a checkpoint names those of the graphs around it, and no others",
    "subgraph_saves.replays_of_nested_graphs": "a checkpoint names those of the graphs around it, and no others",
    "time_travel.checkpoints_that_are_not_there": "a checkpoint that is not there is nobody's parent",
    "tool_node.inputs_without_calls": "the error says what was given",
    "tool_node.sync_wrappers": "async tools run under a sync wrapper too",
    "tool_node.validation_without_calls": "the error says what was given",
    "tools_injected.fields_that_may_be_none": "None is what such a parameter says it takes",
    "tools_injected.no_store": "the error says which tool asks for a store",
    "updates_of_state.special_nodes_of_an_empty_thread": "the error says what there is of the thread",
    "updates_of_state.who_it_is_from": "the error says which nodes ran last",
    "v2.unknown_versions": "an unknown version of the stream format is an error",
}


def difference(expected: list[str], observed: list[str]) -> list[str]:
    """Return the lines in which two observations differ, each marked - or +."""
    lines = unified_diff(expected, observed, n=0, lineterm="")
    return [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def allowed(name: str, colour: str, found: list[str]) -> bool:
    """Say whether a program may differ like that."""
    if name not in DEVIATIONS:
        return False
    path = FOLDER / f"{name}-{colour}.diff"
    if os.environ.get("OTGRAPH_WRITE_DEVIATIONS"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text("\n".join([f"# {DEVIATIONS[name]}", *found, ""]))
    return path.exists() and path.read_text().splitlines()[1:] == found
