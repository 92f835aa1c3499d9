"""OpenVINO, which tells its makers nothing from here.

Where the package openvino_telemetry is installed, as NNCF brings it, `import openvino` alone sends a message to an
address on the Internet, without a question, and so does each conversion of a model. OpenVINO and NNCF do without that
package where it cannot be imported.
"""

import sys
from importlib import import_module
from typing import Any, Final, TypeAlias

#: OpenVINO's classes, which have no types: a graph, one of its operations, a compiled graph, what runs one.
Graph: TypeAlias = Any
Node: TypeAlias = Any
CompiledGraph: TypeAlias = Any
InferRequest: TypeAlias = Any
#: What sends the messages.
TELEMETRY: Final = "openvino_telemetry"


def silent_openvino() -> Any:
    """Import OpenVINO, which sends nothing in this process, nor does NNCF; call it before either is imported.

    Raises ImportError where OpenVINO is not installed.
    """
    sys.modules.setdefault(TELEMETRY, None)  # type: ignore[arg-type] # as the import system has what is not to be found
    return import_module("openvino")
