"""The whole contract as its descriptors say it: whatever is generated is found here."""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    FieldDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)

import harbourlight
from shared import contract


def _modules(suffix: str) -> list[ModuleType]:
    found = pkgutil.walk_packages(harbourlight.__path__, "harbourlight.")
    names = sorted(one.name for one in found if one.name.endswith(suffix))
    return [importlib.import_module(name) for name in names]


MODULES = _modules("_pb2")
SERVICES: list[ServiceDescriptor] = [
    service for module in MODULES for service in module.DESCRIPTOR.services_by_name.values()
]
METHODS: list[MethodDescriptor] = [method for service in SERVICES for method in service.methods]
EVENTS: list[contract.EventType] = list(contract.event_types(*MODULES))
ENUMS: list[EnumDescriptor] = [
    enum for module in MODULES for enum in module.DESCRIPTOR.enum_types_by_name.values()
]
ADD_TO_SERVER = {
    service.full_name: getattr(module, f"add_{service.name}Servicer_to_server")
    for service in SERVICES
    for module in _modules("_pb2_grpc")
    if hasattr(module, f"add_{service.name}Servicer_to_server")
}
"""Full name of a service -> generated function that adds a servicer to a server."""


def path(method: MethodDescriptor) -> str:
    """The method as gRPC names it."""
    return f"/{method.containing_service.full_name}/{method.name}"


def reachable(*roots: Descriptor) -> list[Descriptor]:
    """The messages of these roots and inside them; what Google defines is a value, not entered."""
    found: dict[str, Descriptor] = {}
    waiting = list(roots)
    while waiting:
        descriptor = waiting.pop()
        if descriptor.full_name in found or descriptor.full_name.startswith("google.protobuf."):
            continue
        found[descriptor.full_name] = descriptor
        waiting += [field.message_type for field in descriptor.fields if field.message_type]
    return list(found.values())


def fields(*roots: Descriptor) -> Iterator[FieldDescriptor]:
    """Every field of these messages and inside them."""
    for descriptor in reachable(*roots):
        yield from descriptor.fields
