"""Random ids, and random names for runs without one, such as 'brisk-otter-417'."""

from __future__ import annotations

import os
from typing import Final

ADJECTIVES: Final = """
amber bold brisk calm clever crisp daring eager fair fancy gentle glad golden happy honest jolly
keen kind lively lucky mellow merry mighty neat nimble noble plucky polite proud quick quiet rapid
serene sharp shiny silent smart snowy solid steady sunny swift tidy upbeat vivid warm wise witty
"""
NOUNS: Final = """
badger beetle bison cobra condor crane dingo dolphin eagle falcon ferret finch fox gecko gopher
hare heron ibex jackal jaguar kestrel koala lark lemur lynx magpie marten mole moose newt ocelot
orca otter owl panda pelican puffin quail raven robin seal shrew sloth stoat swan tapir toad trout
vole walrus weasel wombat wren yak zebra
"""


def random_name() -> str:
    """An adjective, an animal and a number below 1000."""
    number = int.from_bytes(os.urandom(8), "big")
    adjectives, nouns = ADJECTIVES.split(), NOUNS.split()
    number, adjective = divmod(number, len(adjectives))
    number, noun = divmod(number, len(nouns))
    return f"{adjectives[adjective]}-{nouns[noun]}-{number % 1000}"


def random_id() -> str:
    """32 hexadecimal digits."""
    return os.urandom(16).hex()
