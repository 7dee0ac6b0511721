"""Where a module can be broken: one small change of its syntax tree each, as a slip of the pen would make it.

Texts, annotations, decorators and log lines stay as they are: what they do is not for these tests to say.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitAnd,
}
_CALLS = {"max": "min", "min": "max", "any": "all", "all": "any"}
_UNTOUCHED = frozenset({"annotation", "returns", "decorator_list", "type_comment"})
_TYPE_NAMES = frozenset({"TypeVar", "NewType", "cast"})
_LOGGER = "_LOGGER"

_NO_BEHAVIOUR = frozenset({"repr"})
"""Arguments that change what a developer sees and nothing else."""

Put = Callable[[ast.AST], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One possible change; `function` is the qualified name around it and `entry` the line where its code begins.

    `entry` is 0 for what is carried out when the module is loaded, or once.
    """

    line: int
    function: str
    entry: int
    change: str
    apply: Callable[[], None]


def sites(tree: ast.Module) -> list[Site]:
    """Return all changes of a module, always in the same order; each `apply` changes this very tree."""
    return list(_of_block(tree.body, "", 0))


def _of_block(body: list[ast.stmt], function: str, entry: int) -> Iterator[Site]:
    for number, statement in enumerate(body):
        if _is_text(statement) or isinstance(statement, ast.Import | ast.ImportFrom) or _logs(statement):
            continue
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            # What a cache keeps is entered by the first test alone, but serves all.
            first = (
                0
                if _is_cached(statement)
                else min([statement.lineno, *(each.lineno for each in statement.decorator_list)])
            )
            name = f"{function}.{statement.name}".lstrip(".")
            yield from _of_fields(statement.args, name, first)
            yield from _of_block(statement.body, name, first)
        elif isinstance(statement, ast.ClassDef):
            if any(isinstance(base, ast.Name) and base.id == "Protocol" for base in statement.bases):
                continue
            yield from _of_block(statement.body, f"{function}.{statement.name}".lstrip("."), entry)
        else:
            yield from _of_statement(statement, body, number, function, entry)


def _of_statement(statement: ast.stmt, body: list[ast.stmt], number: int, function: str, entry: int) -> Iterator[Site]:
    def put(new: ast.AST) -> None:
        assert isinstance(new, ast.stmt)
        body[number] = ast.copy_location(new, statement)

    def site(new: ast.stmt) -> Site:
        return _site(statement, new, put, function, entry)

    if function and _does_something(statement):
        yield site(ast.Pass())
    match statement:
        case ast.AugAssign(op=op) if type(op) in _OPERATORS:
            yield site(ast.AugAssign(target=statement.target, op=_OPERATORS[type(op)](), value=statement.value))
        case ast.Return(value=ast.expr() as value) if not _says_nothing(value):
            yield site(ast.Return(value=ast.Constant(value=None)))
        case ast.Break():
            yield site(ast.Continue())
        case ast.Continue():
            yield site(ast.Break())
    yield from _of_fields(statement, function, entry)


def _of_fields(node: ast.AST, function: str, entry: int) -> Iterator[Site]:
    """Return the changes in all expressions and blocks below a node."""
    if isinstance(node, ast.keyword) and node.arg in _NO_BEHAVIOUR:
        return
    for name, value in ast.iter_fields(node):
        if name in _UNTOUCHED:
            continue
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            yield from _of_block(value, function, entry)
        elif isinstance(value, list):
            for number, each in enumerate(value):
                yield from _of_child(each, partial(value.__setitem__, number), function, entry, name)
        else:
            yield from _of_child(value, partial(setattr, node, name), function, entry, name)


def _of_child(child: object, put: Put, function: str, entry: int, field: str) -> Iterator[Site]:
    if isinstance(child, ast.expr):
        yield from _of_expression(child, put, function, entry, field)
    elif isinstance(child, ast.AST):
        yield from _of_fields(child, function, entry)


def _of_expression(node: ast.expr, put: Put, function: str, entry: int, field: str) -> Iterator[Site]:
    if isinstance(node, ast.JoinedStr) or _is_type(node):
        return
    for new in _changed(node):
        yield _site(node, new, put, function, entry)
    if field == "test" and not isinstance(node, ast.Compare | ast.UnaryOp):
        yield _site(node, ast.UnaryOp(op=ast.Not(), operand=node), put, function, entry)
    yield from _of_fields(node, function, entry)


def _changed(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare() | ast.BoolOp():
            yield from _other_question(node)
        case ast.BinOp(op=op) if type(op) in _OPERATORS:
            yield ast.BinOp(node.left, _OPERATORS[type(op)](), node.right)
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.IfExp():
            yield ast.IfExp(node.test, node.orelse, node.body)
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
            yield ast.Call(ast.Name(_CALLS[name], ast.Load()), node.args, node.keywords)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)


def _other_question(node: ast.Compare | ast.BoolOp) -> Iterator[ast.expr]:
    if isinstance(node, ast.Compare):
        for number, op in enumerate(node.ops):
            for new in _COMPARISONS[type(op)]:
                yield ast.Compare(node.left, [*node.ops[:number], new(), *node.ops[number + 1 :]], node.comparators)
        return
    yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    for number in range(len(node.values)):
        rest = [*node.values[:number], *node.values[number + 1 :]]
        yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)


def _site(old: ast.AST, new: ast.AST, put: Put, function: str, entry: int) -> Site:
    def apply() -> None:
        ast.copy_location(new, old)
        put(ast.fix_missing_locations(new))

    return Site(
        line=getattr(old, "lineno", 0),
        function=function,
        entry=entry,
        change=f"{_short(old)} -> {_short(new)}",
        apply=apply,
    )


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 120 else f"{text[:117]}..."


def _does_something(statement: ast.stmt) -> bool:
    """Return whether leaving a statement out is a change that does not merely make a name unknown."""
    match statement:
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign() | ast.Raise() | ast.Delete():
            return True
        case ast.Assign(targets=targets):
            return all(isinstance(target, ast.Attribute | ast.Subscript) for target in targets)
    return False


def _is_cached(statement: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("cache" in ast.unparse(each) for each in statement.decorator_list)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _logs(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and any(
        isinstance(node, ast.Name) and node.id == _LOGGER for node in ast.walk(statement)
    )


def _says_nothing(node: ast.expr) -> bool:
    """Return whether None instead would be the same, or nearly."""
    return isinstance(node, ast.Constant) and (node.value is None or node.value is False)


def _is_type(node: ast.expr) -> bool:
    """Return whether an expression is a type, whose bars are no operators."""
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name in _TYPE_NAMES
        case ast.BinOp(op=ast.BitOr()):
            return all(
                isinstance(each, ast.Name | ast.Constant | ast.BinOp | ast.BitOr | ast.Load) for each in ast.walk(node)
            ) and any(
                isinstance(each, ast.Name) and each.id in {"int", "float", "bool", "str"} for each in ast.walk(node)
            )
    return False
