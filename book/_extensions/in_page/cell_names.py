"""Which names a cell binds and uses, and so which cells above it needs. Imports the standard
library only: the build uses it, and the worker of a page in the reader's browser.
"""

from __future__ import annotations

import ast
import symtable
from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """A cell's global names: those that it binds, that of these which it assigns or changes, that
    it uses, and for each function and class the globals that its body mentions."""

    bound: frozenset[str]
    variables: frozenset[str]
    used: frozenset[str]
    bodies: dict[str, frozenset[str]]


class OwnNames(ast.NodeTransformer):
    """Comprehensions as generator expressions, which keep their names to themselves: since
    Python 3.12 the symbols of a module hold those of its comprehensions (PEP 709)."""

    def visit_ListComp(self, node):
        self.generic_visit(node)
        return ast.GeneratorExp(node.elt, node.generators)

    visit_SetComp = visit_ListComp

    def visit_DictComp(self, node):
        self.generic_visit(node)
        return ast.GeneratorExp(ast.Tuple([node.key, node.value]), node.generators)


def names_of(source: str) -> Names:
    """The names of a cell. Raises SyntaxError."""
    tree = ast.parse(source)
    module = symtable.symtable(ast.unparse(OwnNames().visit(tree)), "cell", "exec")
    symbols = {symbol.get_name(): symbol for symbol in module.get_symbols()}
    bound = {name for name, each in symbols.items() if each.is_assigned() or each.is_imported()}
    used = {name for name, each in symbols.items() if each.is_referenced()}
    used |= {node.target.id for node in ast.walk(tree)
             if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)}
    variables = {name for name in bound
                 if not (symbols[name].is_imported() or symbols[name].is_namespace())}
    bodies = {}
    for table in module.get_children():
        mentioned, assigned = _globals_in(table)
        bodies[table.get_name()] = bodies.get(table.get_name(), frozenset()) | mentioned
        used |= mentioned
        bound |= assigned
        variables |= assigned
    return Names(*map(frozenset, (bound, variables, used)), bodies)


def _globals_in(table) -> tuple[frozenset[str], frozenset[str]]:
    """The global names that a function or class mentions, and those that it assigns."""
    mentioned, assigned, tables = set(), set(), [table]
    for each in tables:
        own = [symbol for symbol in each.get_symbols() if symbol.is_global()]
        mentioned |= {symbol.get_name() for symbol in own}
        assigned |= {symbol.get_name() for symbol in own if symbol.is_assigned()}
        tables += each.get_children()
    return frozenset(mentioned), frozenset(assigned)


def changeable(cells: list[Names]) -> frozenset[str]:
    """The names whose meaning may change where they are only mentioned: variables, and functions
    and classes that mention such a name."""
    found, size = set().union(*(names.variables for names in cells)), -1
    while size < len(found):
        size = len(found)
        found |= {name for names in cells for name, mentioned in names.bodies.items()
                  if mentioned & found}
    return frozenset(found)


def needs(cells: dict[int, str]) -> dict[int, list[int]]:
    """The number of each cell → the numbers of those above that it needs.

    These are the cells that bind a name it uses; those that mention such a name, where it is
    changeable, as ``rng.normal()`` mentions ``rng``; and what all these need. A cell that is no
    Python is needed by all below it.
    """
    known: dict[int, Names | None] = {}
    for number, source in cells.items():
        try:
            known[number] = names_of(source)
        except SyntaxError:
            known[number] = None
    variables = changeable([names for names in known.values() if names])
    found = {}
    for number, names in known.items():
        above = [other for other in sorted(cells) if other < number]
        wanted, needed, size = set(names.used if names else ()), set(), -1
        while size < len(needed):
            size = len(needed)
            for other in set(above) - needed:
                there = known[other]
                if there is None or wanted & (there.bound | (there.used & variables)):
                    needed.add(other)
                    wanted |= there.used | there.bound if there else set()
        found[number] = sorted(needed)
    return found
