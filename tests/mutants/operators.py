"""The small changes that tests should notice, made on the syntax tree of a module.

Imports the standard library only. Messages (what is raised, f-strings, other words), docstrings,
annotations and what runs only as a script are left alone.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,)}
ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}
SYMMETRIC = {"isclose", "close", "max", "min", "maximum", "minimum", "vdot", "inner", "equal"}
NOT_MUTATED = {"annotation", "returns", "exc", "cause", "type_params"}
CONTEXT = 24  # letters of an expression shown on both sides of a change


@dataclass
class Mutant:
    """One change: what it is, where (line and function), and the place in the tree it is put."""

    operator: str
    line: int
    where: str
    change: str
    _place: tuple[ast.AST, str, int | None]
    _new: ast.AST

    def apply(self) -> None:
        """Change the tree that the mutant was found in."""
        parent, field, index = self._place
        if index is None:
            setattr(parent, field, self._new)
        else:
            getattr(parent, field)[index] = self._new


def mutants(tree: ast.Module) -> list[Mutant]:
    """All mutants of a module. Those of one function that read alike are numbered."""
    found, seen = list(_within(tree, "")), Counter()
    for mutant in found:
        seen[mutant.where, mutant.change] += 1
        if (count := seen[mutant.where, mutant.change]) > 1:
            mutant.change += f" ({count})"
    return found


def _within(node: ast.AST, where: str) -> Iterator[Mutant]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        where = f"{where}.{node.name}".lstrip(".")
    for field, value in ast.iter_fields(node):
        if field in NOT_MUTATED:
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr) or (
                    _script(child) or _strict(child)):
                continue
            for operator, new in _changes(child, node, field):
                yield Mutant(operator, child.lineno, where, _described(child, new),
                             (node, field, index), ast.copy_location(new, child))
            yield from _within(child, where)


def _script(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _strict(node: ast.AST) -> bool:
    """zip's, which only holds what the lines before have made so."""
    return isinstance(node, ast.keyword) and node.arg == "strict"


def _with(node: ast.AST, **fields) -> ast.AST:
    """The node with other fields."""
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _without(items: list, index: int) -> list:
    return items[:index] + items[index + 1:]


def _changes(node: ast.AST, parent: ast.AST, field: str) -> Iterator[tuple[str, ast.AST]]:
    """(operator, what stands in the node's place) for every mutant of one node."""
    if field == "test" and isinstance(parent, (ast.If, ast.IfExp)):
        yield from (("condition", ast.Constant(value)) for value in (True, False))
    if field == "ifs":
        yield "condition", ast.Constant(True)
    if isinstance(parent, ast.Slice) and not isinstance(node, (ast.Constant, ast.UnaryOp)):
        yield "range", ast.BinOp(node, ast.Add(), ast.Constant(1))
    match node:
        case ast.Compare(ops=[op]):
            for other in COMPARISONS[type(op)]:
                yield "comparison", _with(node, ops=[other()])
        case ast.Compare(ops=ops):
            for i, op in enumerate(ops):
                yield "comparison", _with(node, ops=[*ops[:i], COMPARISONS[type(op)][0](),
                                                     *ops[i + 1:]])
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in ARITHMETIC:
            yield "arithmetic", _with(node, op=ARITHMETIC[type(op)]())
        case ast.BinOp(left=left, op=ast.MatMult(), right=right):
            yield "arithmetic", _with(node, left=right, right=left)
        case ast.BoolOp(op=op, values=values):
            yield "and, or", _with(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
            for i in range(len(values)):
                yield "and, or", _with(node, values=_without(values, i))
        case ast.UnaryOp(operand=operand):
            yield "not, minus", operand
        case ast.Constant(value=bool(value)):
            yield "constant", ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield "constant", ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield "constant", ast.Constant(2 * value if value else 1.0)
        case ast.Call(func=func, args=args, keywords=keywords):
            for i, keyword in enumerate(keywords):
                if not _strict(keyword):
                    yield "keyword", _with(node, keywords=_without(keywords, i))
            if len(args) == 1 and not keywords and not isinstance(args[0], ast.Starred):
                yield "call", args[0]
            if not any(isinstance(arg, ast.Starred) for arg in args) and \
                    ast.unparse(func).split(".")[-1] not in SYMMETRIC:
                for i, (one, other) in enumerate(pairwise(args)):
                    if ast.dump(one) != ast.dump(other):
                        yield "arguments", _with(
                            node, args=[*args[:i], other, one, *args[i + 2:]])
            if isinstance(func, ast.Name) and func.id == "range":
                yield "range", _with(node, args=[
                    *args[:-1], ast.BinOp(args[-1], ast.Sub(), ast.Constant(1))])
    match node:
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.AugAssign() | ast.Break():
            yield "dropped", ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "dropped", ast.Pass()
        case ast.Return(value=value) if value and ast.unparse(value) not in ("None", "False"):
            yield "dropped", ast.Return(ast.Constant(None))


def _described(old: ast.AST, new: ast.AST) -> str:
    """``old → new``, of long ones what differs and a little around it."""
    old, new = (" ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).split())
                for node in (old, new))
    if new in ("pass", "True", "False") or max(len(old), len(new)) <= 3 * CONTEXT:
        return f"{_cut(old)} → {new}"
    at = next(i for i in range(len(old)) if old[i] != new[i:i + 1])
    start = max(0, at - CONTEXT)
    return " → ".join(("…" if start else "") + _cut(text[start:]) for text in (old, new))


def _cut(text: str) -> str:
    return text if len(text) <= 3 * CONTEXT else text[:3 * CONTEXT] + "…"
