"""What attacks and inversions run in place of a network in eval mode: the same function, faster."""

import copy
import inspect
from collections import Counter
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import fx, nn
from torch.nn.functional import batch_norm
from torch.nn.utils.fusion import fuse_conv_bn_weights

from repcompare.architectures.classifier import Conv2dInFloat32
from repcompare.networks.space_to_depth import SpaceToDepthConv2d, gains_by_blocks


def folded_graph(module: nn.Module, until: str | None = None) -> fx.GraphModule:
    """A copy of a module: batch norms folded into the convolutions before them, stems over blocks.

    Args:
        module: in eval mode. Foreign code may raise anything when it is run on symbols.
        until: the path of a module in it; the copy gives what that one is given.
    """
    module = copy.deepcopy(module)
    traced = fx.GraphModule(module, _Tracer(until).trace(module))
    if until is not None:
        _end_before(traced.graph, until)
    _drop_assertions(traced.graph)
    _fold_batch_norms(traced)
    for path, part in list(traced.named_modules()):
        if type(part) is nn.Conv2d and gains_by_blocks(part):
            traced.set_submodule(path, SpaceToDepthConv2d(part))
    traced.graph.eliminate_dead_code()
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced


def first_given(given: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """The first argument of a call, by its place or by its name."""
    return next(iter((*given, *named.values())))


class _Tracer(fx.Tracer):
    """A tracer that looks into all modules but torch's, convolutions of any kind, and one."""

    def __init__(self, leaf: str | None) -> None:
        super().__init__()
        self.leaf = leaf

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if module_qualified_name == self.leaf or isinstance(m, nn.Conv2d):
            return True
        return super().is_leaf_module(m, module_qualified_name)


def _end_before(graph: fx.Graph, path: str) -> None:
    """Let a graph give what the module of a path is given, which is called once."""
    (call,) = (node for node in graph.nodes if node.target == path)
    (end,) = (node for node in graph.nodes if node.op == "output")
    end.args = (first_given(call.args, call.kwargs),)


def _drop_assertions(graph: fx.Graph) -> None:
    """Drop what asks for shapes: a batch norm may then be all that a convolution's output is given to."""
    for node in list(graph.nodes):
        if node.target is torch._assert:
            graph.erase_node(node)
    graph.eliminate_dead_code()


def _fold_batch_norms(traced: fx.GraphModule) -> None:
    """Fold each batch norm that can be into the convolution before it, whose weights change."""
    calls = Counter(node.target for node in traced.graph.nodes if node.op == "call_module")
    for node in list(traced.graph.nodes):
        settings = _batch_norm(node, traced)
        if settings is None:
            continue
        before = first_given(node.args, node.kwargs)
        if before.op != "call_module" or len(before.users) > 1 or calls[before.target] > 1:
            continue
        convolution = traced.get_submodule(before.target)
        # What is made of one may do more to its weights.
        if type(convolution) not in (nn.Conv2d, Conv2dInFloat32):
            continue
        assert isinstance(convolution, nn.Conv2d)
        convolution.weight, convolution.bias = fuse_conv_bn_weights(
            convolution.weight, convolution.bias, *settings
        )
        node.replace_all_uses_with(before)
        traced.graph.erase_node(node)


def _batch_norm(node: fx.Node, module: nn.Module) -> tuple | None:
    """Mean, variance, ε, weight and bias of a node that normalises by settled statistics."""
    if node.op == "call_module":
        norm = module.get_submodule(str(node.target))
        if type(norm) is not nn.BatchNorm2d or norm.running_mean is None:
            return None
        return norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    if node.target is not batch_norm:
        return None
    call = inspect.signature(batch_norm).bind(*node.args, **node.kwargs)
    call.apply_defaults()
    given = call.arguments
    tensors = [given[name] for name in ("running_mean", "running_var", "weight", "bias")]
    if given["training"] or any(one.op != "get_attr" for one in tensors if one is not None):
        return None
    mean, variance, weight, bias = (
        None if one is None else attrgetter(one.target)(module) for one in tensors
    )
    return mean, variance, given["eps"], weight, bias
