"""What is wrong with an edited payload, as the same 422 wherever one is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from adapters.commands.json_limits import Unstorable
from adapters.operators.edits import OtherTarget
from api.http import body
from api.http.problem import Fault, invalid
from tasks.command import PayloadType


@contextmanager
def faults_of_edit(payload_type: PayloadType) -> Iterator[None]:
    """Raises: Problem 422: what `revalidated` refuses, at its path below `/payload`."""
    try:
        yield
    except Unstorable as error:
        fault = Fault(*error.flaw)
    except msgspec.ValidationError as error:
        fault = body.fault_of(str(error), payload_type)
    except OtherTarget as error:
        fault = Fault("", "other_target", str(error))
    else:
        return
    raise invalid(Fault(f"/payload{fault.path}", fault.code, fault.message))
