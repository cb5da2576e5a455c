"""A parsed template, changed so that nothing it does escapes the draft: each loop, join and comparison is seen.

The filters named here begin with a blank, so that no template can name them.
"""

from collections.abc import Callable
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.visitor import NodeTransformer

from bridge.rendering.draft import TOKEN

JOINED, VALUE, ITEMS, SPEND, LITERAL, PART = " joined", " value", " items", " spend", " literal", " part"
NODES_PER_STEP = 8  # a body of so many nodes costs one more step each time it runs
HELD = "_text_of_the_filter_block"


class Rewriter(NodeTransformer):
    """Rewrites a template's tree, children first."""

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        """Change what is inside a node, then the node itself."""
        self.generic_visit(node, *args, **kwargs)
        return CHANGES[type(node)](node) if type(node) in CHANGES else node


def _template_data(node: nodes.TemplateData) -> nodes.Node:
    if TOKEN.search(node.data):
        raise TemplateSyntaxError("the characters U+100000 to U+10FFFD cannot be used here", node.lineno)
    return node


def _autoescape(node: nodes.ScopedEvalContextModifier) -> nodes.Node:
    raise TemplateSyntaxError("escaping cannot be switched off: a value is written for where it lands", node.lineno)


def _output(node: nodes.Output) -> nodes.Node:
    node.nodes = [_literal(child) for child in node.nodes]
    return node


def _concat(node: nodes.Concat) -> nodes.Node:
    return _filter(nodes.Tuple(node.nodes, "load", lineno=node.lineno), JOINED)


def _compare(node: nodes.Compare) -> nodes.Node:
    node.expr = _value(node.expr)
    for operand in node.ops:
        operand.expr = _value(operand.expr)
    return node


def _pair(node: nodes.Pair) -> nodes.Node:
    node.key = _value(node.key)
    return node


def _getitem(node: nodes.Getitem) -> nodes.Node:
    if not isinstance(node.arg, nodes.Slice):
        return node
    none = nodes.Const(None, lineno=node.lineno)
    return _filter(node.node, PART, [node.arg.start or none, node.arg.stop or none, node.arg.step or none])


def _for(node: nodes.For) -> nodes.Node:
    node.iter = _filter(node.iter, ITEMS)
    return _counted(node)


def _filter_block(node: nodes.FilterBlock) -> nodes.Node:
    """Hold the block's text, then print what the filter makes of it: a value like any other."""
    held = nodes.AssignBlock(nodes.Name(HELD, "store", lineno=node.lineno), None, node.body, lineno=node.lineno)
    result = _filled(node.filter, nodes.Name(HELD, "load", lineno=node.lineno))
    return nodes.Scope([held, nodes.Output([result], lineno=node.lineno)], lineno=node.lineno)


def _assign_block(node: nodes.AssignBlock) -> Any:
    """Filter a set block's text in a second statement: jinja would take what the filter gives for template text."""
    if node.filter is None:
        return node
    result = _filled(node.filter, _loaded(node.target))
    node.filter = None
    return [node, nodes.Assign(node.target, result, lineno=node.lineno)]


def _filter(node: nodes.Node, name: str, args: list[nodes.Expr] | None = None) -> nodes.Filter:
    return nodes.Filter(node, name, args or [], [], None, None, lineno=node.lineno)


def _value(node: nodes.Expr) -> nodes.Expr:
    return node if isinstance(node, nodes.Const) else _filter(node, VALUE)


def _literal(node: nodes.Expr) -> nodes.Expr:
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return _filter(node, LITERAL)
    if isinstance(node, nodes.CondExpr):
        node.expr1 = _literal(node.expr1)
        node.expr2 = _literal(node.expr2) if node.expr2 else None
    return node


def _counted(node: Any) -> nodes.Node:
    weight = 1 + sum(1 for child in node.body for _ in child.find_all(nodes.Node)) // NODES_PER_STEP
    spend = _filter(nodes.Const(weight, lineno=node.lineno), SPEND)
    node.body.insert(0, nodes.ExprStmt(spend, lineno=node.lineno))
    result: nodes.Node = node
    return result


def _filled(chain: nodes.Filter, source: nodes.Expr) -> nodes.Filter:
    link = chain
    while isinstance(link.node, nodes.Filter):
        link = link.node
    link.node = source
    return chain


def _loaded(target: nodes.Expr) -> nodes.Expr:
    if isinstance(target, nodes.NSRef):
        holder = nodes.Name(target.name, "load", lineno=target.lineno)
        return nodes.Getattr(holder, target.attr, "load", lineno=target.lineno)
    return nodes.Name(getattr(target, "name", ""), "load", lineno=target.lineno)


CHANGES: dict[type[nodes.Node], Callable[[Any], Any]] = {
    nodes.TemplateData: _template_data, nodes.Output: _output, nodes.Concat: _concat, nodes.Compare: _compare,
    nodes.Pair: _pair, nodes.Getitem: _getitem, nodes.For: _for, nodes.FilterBlock: _filter_block,
    nodes.AssignBlock: _assign_block, nodes.Macro: _counted, nodes.CallBlock: _counted, nodes.Block: _counted,
    nodes.ScopedEvalContextModifier: _autoescape,
}  # fmt: skip
