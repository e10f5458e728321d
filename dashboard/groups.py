"""Runs as a tree: groups by configuration, parameter, tag or name, and runs beneath their parents.

A group shows the mean and the standard deviation of its runs. Nothing here reads the database.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dashboard.labels import SEED, Label
from tracker.text import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

NONE, PARENT, CONFIGURATION, PREFIX = "none", "parent", "configuration", "name"
# `params.NAME` and `tags.NAME` are groupings too.
GROUPINGS = {
    CONFIGURATION: "configuration",
    PARENT: "parent run",
    PREFIX: "name prefix",
    NONE: "no groups",
}
# Tags that MLflow and the tracker write for themselves.
RESERVED = ("mlflow.", "tracker.", "dashboard.")
MOST_CHOICES = 100
# What a run is called that nobody named, as in MLflow.
RANDOM_NAME = re.compile(r"[a-z]+-[a-z]+-\d+")
# Runs nested more deeply are listed at the end, beneath nothing.
DEEPEST = 8


@dataclass(frozen=True)
class Facts:
    """What runs are grouped by.

    Args:
        run_ids: In order; a group stands where its first run would.
        labels: Run id to label.
        params: Run id to parameters.
        tags: Run id to tags.
        parents: Run id to the id of its parent run, of runs that have one.
    """

    run_ids: Sequence[str]
    labels: Mapping[str, Label]
    params: Mapping[str, Mapping[str, str]]
    tags: Mapping[str, Mapping[str, str]]
    parents: Mapping[str, str]


@dataclass(frozen=True)
class Node:
    """A row of the tree.

    Args:
        key: A run's id, or a group's key.
        label: What it is called.
        is_group: Whether it stands for several runs rather than for one.
        children: What lies beneath.
        noun: What the children are: 'seed', 'run'.
        own_run: The run that a row leads to: itself, or a group's parent run; else empty.
    """

    key: str
    label: Label
    is_group: bool = False
    children: tuple[Node, ...] = ()
    noun: str = "run"
    own_run: str = ""

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The runs it stands for: a run with those beneath it, or the runs of a group."""
        own = () if self.is_group else (self.key,)
        return own + tuple(run_id for child in self.children for run_id in child.run_ids)

    @property
    def measured(self) -> tuple[str, ...]:
        """The runs that a mean is taken over: those of a group, or the children of a run."""
        return tuple(child.key for child in self.children if not child.is_group)


def automatic(facts: Facts) -> str:
    """The grouping that suits the runs: configurations of several runs, then parent runs."""
    keys = Counter(_configuration(facts, run_id) for run_id in _leaves(facts))
    del keys[""]
    if any(count > 1 for count in keys.values()):
        return CONFIGURATION
    return PARENT if _families(facts) else NONE


def choices(facts: Facts) -> dict[str, str]:
    """The groupings that can be chosen, and what they are called."""
    found = dict(GROUPINGS)
    if not _families(facts):
        del found[PARENT]
    for kind, values in (("params", facts.params), ("tags", facts.tags)):
        keys = {key for run_id in facts.run_ids for key in values.get(run_id, {})}
        keys = {key for key in keys if kind == "params" or not key.startswith(RESERVED)}
        found |= {f"{kind}.{key}": key for key in _by_spread(keys, facts.run_ids, values)}
    return found


def _by_spread(
    keys: Iterable[str], run_ids: Sequence[str], values: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """Keys with two values or more, those with few values first."""
    spread = {key: len({values.get(run_id, {}).get(key) for run_id in run_ids}) for key in keys}
    kept = [key for key in keys if spread[key] > 1]
    return sorted(kept, key=lambda key: (spread[key], key))[:MOST_CHOICES]


def tree(facts: Facts, grouping: str) -> tuple[Node, ...]:
    """The runs as a tree, in the order of the runs."""
    if grouping == NONE:
        return tuple(_run(facts, run_id) for run_id in facts.run_ids)
    if grouping == CONFIGURATION:
        return _configurations(facts)
    nested = _nested(facts)
    if grouping == PARENT:
        return nested
    return _grouped(nested, _value_of(facts, grouping), keep_single=grouping != PREFIX)


def _run(facts: Facts, run_id: str, children: tuple[Node, ...] = ()) -> Node:
    return Node(run_id, facts.labels[run_id], children=children, own_run=run_id)


def _families(facts: Facts) -> dict[str, list[str]]:
    """The children of each listed run that has some, in order."""
    listed = set(facts.run_ids)
    found: dict[str, list[str]] = defaultdict(list)
    for run_id in facts.run_ids:
        parent = facts.parents.get(run_id, "")
        if parent in listed and parent != run_id:
            found[parent].append(run_id)
    return found


def _leaves(facts: Facts) -> list[str]:
    families = _families(facts)
    return [run_id for run_id in facts.run_ids if run_id not in families]


def _nested(facts: Facts) -> tuple[Node, ...]:
    """Runs beneath their parents; a circle of parents has no top and is listed flat."""
    families = _families(facts)
    placed: set[str] = set()

    def node(run_id: str, depth: int = 0) -> Node:
        placed.add(run_id)
        children = families.get(run_id, ()) if depth < DEEPEST else ()
        found = (node(child, depth + 1) for child in children if child not in placed)
        return _run(facts, run_id, tuple(found))

    inside = {child for children in families.values() for child in children}
    tops = [node(run_id) for run_id in facts.run_ids if run_id not in inside]
    left = [_run(facts, run_id) for run_id in facts.run_ids if run_id not in placed]
    return (*tops, *left)


def _value_of(facts: Facts, grouping: str) -> Callable[[Node], str | None]:
    kind, _, key = grouping.partition(".")
    if grouping == PREFIX:
        return lambda node: node.label.name.partition("_")[0].partition("-")[0]
    values = facts.params if kind == "params" else facts.tags
    return lambda node: values.get(node.key, {}).get(key)


def _grouped(
    nodes: Sequence[Node], value_of: Callable[[Node], str | None], *, keep_single: bool
) -> tuple[Node, ...]:
    """Nodes with one value in a group; those without a value stand alone."""
    members: dict[str | None, list[Node]] = defaultdict(list)
    for node in nodes:
        members[value_of(node)].append(node)
    placed: dict[str, Node] = {}
    for node in nodes:
        value = value_of(node)
        if value is None or (len(members[value]) == 1 and not keep_single):
            placed[node.key] = node
        else:
            key = f"value:{value}"
            group = Node(key, Label(value or MISSING), is_group=True)
            placed.setdefault(key, replace(group, children=tuple(members[value])))
    return tuple(placed.values())


def _configuration(facts: Facts, run_id: str) -> str:
    """The same for runs that differ in nothing but their seed; '' for runs without parameters."""
    params = facts.params.get(run_id, {})
    kept = sorted((key, value) for key, value in params.items() if not SEED.search(key))
    name = facts.labels[run_id].name
    told = repr((kept, "" if RANDOM_NAME.fullmatch(name) else name))
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest() if kept else ""


def _configurations(facts: Facts) -> tuple[Node, ...]:
    """Runs of one configuration in a group.

    A parent run whose children are all of one configuration is what the group leads to, and no
    row of its own.
    """
    families = _families(facts)
    members: dict[str, list[str]] = defaultdict(list)
    for run_id in _leaves(facts):
        members[_configuration(facts, run_id)].append(run_id)
    heads = {}
    for parent, children in families.items():
        keys = {_configuration(facts, child) for child in children}
        if len(keys) == 1 and (key := keys.pop()) and len(members[key]) > 1:
            heads[parent] = key
    placed: dict[str, Node] = {}
    for run_id in facts.run_ids:
        key = heads.get(run_id) or _configuration(facts, run_id)
        is_parent = run_id in families and run_id not in heads
        if is_parent or not key or len(members[key]) == 1:
            placed[run_id] = _run(facts, run_id)
        elif key not in placed:
            placed[key] = _seeds(facts, key, members[key], heads)
    return tuple(placed.values())


def _seeds(facts: Facts, key: str, run_ids: Sequence[str], heads: Mapping[str, str]) -> Node:
    """The group of the runs of one configuration; named by its first run, which keeps its key."""
    name = facts.labels[run_ids[0]].name
    parent = next((head for head, headed in heads.items() if headed == key), "")
    has_seeds = all(facts.labels[run_id].seed for run_id in run_ids)
    return Node(
        key=f"configuration:{key}",
        label=Label(name),
        is_group=True,
        children=tuple(_run(facts, run_id) for run_id in run_ids),
        noun="seed" if has_seeds else "run",
        own_run=parent,
    )
