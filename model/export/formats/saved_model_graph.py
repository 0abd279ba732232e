"""Which operations a SavedModel runs, found before TensorFlow loads it.

A SavedModel is a program: TensorFlow has operations that read and write files, start Python and talk to other machines,
and loading alone runs some of a model's functions. So only operations that compute are allowed, in all functions that
loading or colouring can reach. The functions that save and restore variables are reached by neither: TensorFlow reads
the variables itself.
"""

import os
from collections.abc import Iterator

from tintmill.pipeline.common import checked_json

_LARGEST = 1 << 31  # bytes of saved_model.pb, of a protobuf message
_MOST_SHOWN = 5

_COMPUTE = """
Abs Acos Acosh Add AddN AddV2 All Any ApproximateEqual ArgMax ArgMin Asin Asinh Assert AssignVariableOp Atan Atan2
Atanh AvgPool BatchMatMul BatchMatMulV2 BatchMatMulV3 BatchToSpaceND BiasAdd Bincount BitwiseAnd BitwiseOr
BitwiseXor BroadcastArgs BroadcastTo Bucketize Case Cast Ceil CheckNumerics ClipByValue Concat ConcatV2 Const Conv
Conv2D Conv2DBackpropInput Cos Cosh CropAndResize Cumprod Cumsum DenseBincount DepthToSpace DepthwiseConv2dNative
Div DivNoNan Einsum Elu EnsureShape Equal Erf Erfc Exp ExpandDims Expm1 ExtractImagePatches Fill Floor FloorDiv
FloorMod FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd GatherV2 Greater GreaterEqual HSVToRGB
Identity IdentityN If ImageProjectiveTransformV3 Invert InvertPermutation IsFinite IsInf IsNan L2Loss LRN LeakyRelu
LeftShift Less LessEqual LinSpace Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr LowerBound MatMul
MatrixBandPart MatrixDiag MatrixDiagV3 Max MaxPool MaxPoolV2 Maximum Mean Min Minimum MirrorPad Mod Mul MulNoNan Neg
NoOp NotEqual OneHot OnesLike Pack Pad PadV2 PartitionedCall Placeholder PlaceholderWithDefault Pow PreventGradient
Prod RGBToHSV Range Rank ReadVariableOp RealDiv Reciprocal Relu Relu6 Reshape ResizeArea ResizeBicubic
ResizeBilinear ResizeNearestNeighbor ResourceGather ReverseV2 RightShift Rint Roll Round Rsqrt ScaleAndTranslate
ScatterNd Select SelectV2 Selu Shape ShapeN Sigmoid Sign Sin Sinh Size Slice Snapshot Softmax Softplus Softsign
SpaceToBatchND SpaceToDepth Split SplitV Sqrt Square SquaredDifference Squeeze StatefulPartitionedCall StatelessCase
StatelessIf StatelessWhile StopGradient StridedSlice Sub Sum Tan Tanh TensorListElementShape TensorListFromTensor
TensorListGetItem TensorListLength TensorListReserve TensorListSetItem TensorListStack TensorScatterAdd
TensorScatterUpdate Tile TopKV2 Transpose TruncateDiv TruncateMod Unpack UnsortedSegmentSum UpperBound VarHandleOp
VarIsInitializedOp Where While Xdivy Xlogy ZerosLike
"""  # numbers, pictures, shapes, control, variables
ALLOWED = frozenset(_COMPUTE.split())


def check(path: str) -> None:
    """Checks the graph of a SavedModel's folder.

    Raises:
      ValueError: it runs operations that do more than compute, or it is not of TensorFlow 2.
      OSError: it cannot be read.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    file = os.path.join(path, "saved_model.pb")
    if os.path.getsize(file) > _LARGEST:
        raise ValueError(f"saved_model.pb has more than {_LARGEST} bytes")
    found = SavedModel()
    try:
        with open(file, "rb") as f:
            found.ParseFromString(f.read())
    except DecodeError as error:
        raise ValueError("saved_model.pb is no message of TensorFlow") from error
    # Of other files TensorFlow runs the graph itself, with whatever it says is to be run first.
    if len(found.meta_graphs) != 1 or not found.meta_graphs[0].object_graph_def.nodes:
        raise ValueError("it is not of TensorFlow 2, with one graph and its objects")
    odd = sorted(set(_list_operations(found.meta_graphs[0])) - ALLOWED)
    if odd:
        named = ", ".join(checked_json.show(name) for name in odd[:_MOST_SHOWN])
        raise ValueError(f"its graph runs {named}, which may do more than compute; it is not loaded")


def _list_operations(graph) -> Iterator[str]:
    """The operations of all functions that the objects of a SavedModel name, and of those that these call."""
    library = {function.signature.name: function for function in graph.graph_def.library.function}
    objects = graph.object_graph_def
    waiting = set(objects.concrete_functions)
    for node in objects.nodes:
        waiting |= set(node.function.concrete_functions) | {node.bare_concrete_function.concrete_function_name}
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in library:
            continue
        seen.add(name)
        for node in library[name].node_def:
            if node.op in library:  # an old way to call a function
                waiting.add(node.op)
            else:
                yield node.op
            for value in node.attr.values():
                waiting |= {value.func.name} | {function.name for function in value.list.func}
