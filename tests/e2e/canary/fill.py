"""Sealed messages with a canary in every text."""

from typing import TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tests.e2e.canary.search import canary

M = TypeVar("M", bound=Message)

_DEEPEST = 4


def filled(kind: type[M], path: str) -> M:
    """A message whose every text is a canary that names its field, and every list has one."""
    message = kind()
    _fill(message, path, 0)
    return message


def _fill(message: Message, path: str, depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        name = f"{path}.{field.name}"
        if field.type == FieldDescriptor.TYPE_MESSAGE and depth < _DEEPEST:
            inner = getattr(message, field.name)
            _fill(inner.add() if field.is_repeated else inner, name, depth + 1)
        elif field.type == FieldDescriptor.TYPE_STRING:
            if field.is_repeated:
                getattr(message, field.name).append(canary(name))
            else:
                setattr(message, field.name, canary(name))
