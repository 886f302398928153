"""What attacks and inversions run in place of a network in eval mode: the same function, faster."""

import copy
import inspect
from collections import defaultdict
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import fx, nn
from torch.nn.functional import batch_norm
from torch.nn.utils.fusion import fuse_conv_bn_weights

from repcompare.architectures.classifier import Conv2dInFloat32
from repcompare.networks.space_to_depth import SpaceToDepthConv2d, gains_by_blocks

# A convolution and nothing else: what is made of one may do more to its weights.
PLAIN = (nn.Conv2d, Conv2dInFloat32)


def folded_graph(module: nn.Module, until: str | None = None) -> fx.GraphModule:
    """A copy of a module: batch norms folded into the convolutions before them, stems over blocks.

    What it asserts of its images is asserted no longer.

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
    _take_stems_by_blocks(traced)
    traced.graph.eliminate_dead_code(_acts)
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
    nodes = list(graph.nodes)
    nodes[-1].args = (first_given(call.args, call.kwargs),)
    for node in reversed(nodes[nodes.index(call) : -1]):
        graph.erase_node(node)


def _drop_assertions(graph: fx.Graph) -> None:
    """Drop assertions, of shapes most often: a batch norm may then be all that is given a convolution's output."""
    for node in list(graph.nodes):
        if node.target is torch._assert:
            graph.erase_node(node)
    graph.eliminate_dead_code(_acts)


def _acts(node: fx.Node) -> bool:
    """Whether a node does more than give a value, as what works in place does."""
    if node.is_impure():
        return True
    if node.op == "call_method":
        return str(node.target).endswith("_") and not str(node.target).endswith("__")
    if node.op == "call_module":
        return bool(getattr(_called(node), "inplace", False))
    return bool(node.kwargs.get("inplace"))


def _called(node: fx.Node) -> nn.Module:
    """The module that a node calls."""
    owner = node.graph.owning_module
    assert owner is not None, "its graph is that of a module"
    return owner.get_submodule(str(node.target))


def _is_hooked(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _alterable(traced: fx.GraphModule) -> dict[str, list[fx.Node]]:
    """Plain convolutions whose weights nothing else reads, by their path: the nodes that call them."""
    calls: dict[str, list[fx.Node]] = defaultdict(list)
    for node in traced.graph.nodes:
        if node.op == "call_module":
            calls[str(node.target)].append(node)
    read = [str(node.target) for node in traced.graph.nodes if node.op == "get_attr"]
    return {
        path: nodes
        for path, nodes in calls.items()
        if type(_called(nodes[0])) in PLAIN
        and not _is_hooked(_called(nodes[0]))
        and not any(name.startswith(f"{path}.") for name in read)
    }


def _fold_batch_norms(traced: fx.GraphModule) -> None:
    """Fold each batch norm that can be into the convolution before it, whose weights change."""
    alterable = _alterable(traced)
    for node in list(traced.graph.nodes):
        settings = _batch_norm(node)
        if settings is None:
            continue
        before = first_given(node.args, node.kwargs)
        if alterable.get(before.target) != [before] or len(before.users) > 1:
            continue
        convolution = _called(before)
        assert isinstance(convolution, nn.Conv2d)
        convolution.weight, convolution.bias = fuse_conv_bn_weights(
            convolution.weight, convolution.bias, *settings
        )
        node.replace_all_uses_with(before)
        traced.graph.erase_node(node)


def _batch_norm(node: fx.Node) -> tuple | None:
    """Mean, variance, ε, weight and bias of a node that normalises by settled statistics."""
    if node.op == "call_module":
        norm = _called(node)
        if type(norm) is not nn.BatchNorm2d or _is_hooked(norm):
            return None
        if norm.training or norm.running_mean is None:
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
        None if one is None else attrgetter(one.target)(node.graph.owning_module) for one in tensors
    )
    return mean, variance, given["eps"], weight, bias


def _take_stems_by_blocks(traced: fx.GraphModule) -> None:
    """Replace each convolution that gains by it."""
    for path, nodes in _alterable(traced).items():
        convolution = _called(nodes[0])
        if type(convolution) is nn.Conv2d and gains_by_blocks(convolution):
            traced.set_submodule(path, SpaceToDepthConv2d(convolution))
            for node in nodes:
                node.args, node.kwargs = (first_given(node.args, node.kwargs),), {}
