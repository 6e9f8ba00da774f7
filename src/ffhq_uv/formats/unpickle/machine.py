"""A stack machine for pickles that builds data and can do nothing else.

A pickle is a program. Python's own unpickler runs it with the interpreter's full power, and even under
an allow-list lets ten bytes allocate gigabytes. In this machine a GLOBAL names an entry of the caller's
table or is refused by that name, REDUCE calls that entry and nothing else, and no allocation exceeds the
file's size. Nor do all of them together exceed it by much: what entries are handed is counted, since a memo lets three
bytes ask for another copy of everything read so far.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Make = Callable[..., object]
Table = Mapping[str, "Make | None"]
"""GLOBAL "module.name" -> what REDUCE and NEWOBJ call in its place; None: a name only mentioned."""

BUDGET = 8
"""Bytes and items that entries of the table are handed, for each byte of the pickle; honest ones need less than one."""

_OPCODES: dict[str, str] = {opcode.code: opcode.name for opcode in pickletools.opcodes}


class UnpickleError(ValueError):
    """A file is damaged, or asks for something that is not on the list."""


@dataclass
class Record:
    """An inert stand-in for an object of some class: its class name and its state."""

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)

    def build(self, state: object) -> Record:
        """The object with its state, a dict of fields by name. Raises UnpickleError for any other state."""
        if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
            raise UnpickleError(f"the state of {self.kind} is not a dict of fields")
        self.fields.update(state)
        return self


@dataclass(frozen=True)
class Name:
    """A GLOBAL on the stack: its full name and what stands in for it."""

    name: str
    make: Make | None


def unpickle(data: bytes, table: Table, name: str, persistent: Callable[[object], object] | None = None) -> object:
    """The value of a pickle (protocol 2 to 4), built only with the entries of ``table``.

    An object whose entry has a method ``build(state)`` is replaced, when BUILD comes, by what that returns.
    ``persistent`` resolves persistent ids. Raises UnpickleError, with ``name`` in its message.
    """
    try:
        return unpickle_from(data, 0, table, persistent)[0]
    except UnpickleError as error:
        raise UnpickleError(f"{name}: {error}") from None


def unpickle_from(
    data: bytes, at: int, table: Table, persistent: Callable[[object], object] | None = None
) -> tuple[Any, int]:
    """The value of the pickle that begins at a byte, and where it ends. As `unpickle`, without a name in messages."""
    machine = _Machine(data, at, table, persistent)
    try:
        return machine.run(), machine.at
    except UnpickleError:
        raise
    except Exception as error:
        raise UnpickleError(f"damaged pickle ({type(error).__name__}: {str(error)[:200]})") from error


class _Machine:
    def __init__(self, data: bytes, at: int, table: Table, persistent: Callable[[object], object] | None) -> None:
        self.data, self.at, self.table, self.persistent = data, at, table, persistent
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.places: dict[int, int] = {}
        self.left = BUDGET * len(data) + 4096

    def run(self) -> object:
        while (opcode := self.take(1)) != b".":
            self.step(opcode)
        return self.stack.pop()

    def step(self, opcode: bytes) -> None:
        push, pop = self.stack.append, self.stack.pop
        match opcode:
            case b"q":
                self.remember(self.take(1)[0])
            case b"h":
                push(self.memo[self.take(1)[0]])
            case b"X":
                push(self.text("<I"))
            case b"K" | b"M" | b"J" | b"G":
                push(self.number({b"K": "<B", b"M": "<H", b"J": "<i", b"G": ">d"}[opcode]))
            case b"N" | b"\x88" | b"\x89":
                push({b"N": None, b"\x88": True, b"\x89": False}[opcode])
            case b"(":
                self.marks.append(len(self.stack))
            case b"U" | b"T":  # texts of Python 2
                push(self.text("<B" if opcode == b"U" else "<I"))
            case b"}" | b"]" | b")":
                push({b"}": dict, b"]": list, b")": tuple}[opcode]())
            case b"s" | b"u":
                items = self.since_mark() if opcode == b"u" else [pop(-2), pop()]
                self.set_items(self.stack[-1], items)
            case b"a" | b"e":
                items = self.since_mark() if opcode == b"e" else [pop()]
                self.expect(self.stack[-1], list).extend(items)
            case b"t":
                push(tuple(self.since_mark()))
            case b"\x85" | b"\x86" | b"\x87":
                count = opcode[0] - 0x84
                items = [pop() for _ in range(count)]
                push(tuple(reversed(items)))
            case b"c":
                push(self.lookup(self.line(), self.line()))
            case b"R" | b"\x81":
                arguments = self.expect(pop(), tuple)
                push(self.call(pop(), arguments))
            case b"b":
                self.build(pop())
            case b"Q" if self.persistent:
                push(self.persistent(pop()))
            # what protocol 4 and large files add
            case b"\x80" | b"\x95":
                self.take(1 if opcode == b"\x80" else 8)
            case b"\x94":
                self.remember(len(self.memo))
            case b"r":
                self.remember(self.number("<I"))
            case b"j":
                push(self.memo[self.number("<I")])
            case b"\x8c" | b"\x8d":
                push(self.text("<B" if opcode == b"\x8c" else "<Q"))
            case b"C" | b"B" | b"\x8e":
                push(self.take(self.number({b"C": "<B", b"B": "<I", b"\x8e": "<Q"}[opcode])))
            case b"\x8a":
                push(int.from_bytes(self.take(self.take(1)[0]), "little", signed=True))
            case b"\x8f":
                push(set())
            case b"\x90":
                items = self.since_mark()
                if not all(type(item) is str for item in items):
                    raise UnpickleError("refuses a set of anything but texts")
                self.expect(self.stack[-1], set).update(items)
            case b"\x93":
                push(self.lookup(*reversed([self.expect(pop(), str), self.expect(pop(), str)])))
            case _:
                name = _OPCODES.get(opcode.decode("latin-1"), repr(opcode))
                raise UnpickleError(f"refuses opcode {name}")

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.data):
            raise UnpickleError("the pickle ends too early (truncated?)")
        piece, self.at = self.data[self.at : end], end
        return piece

    def number(self, layout: str) -> Any:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def text(self, length: str) -> str:
        return self.take(self.number(length)).decode("utf-8", "surrogatepass")

    def line(self) -> str:
        return self.take(self.data.index(b"\n", self.at) + 1 - self.at)[:-1].decode()

    def since_mark(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def expect(self, value: object, kind: type) -> Any:
        if type(value) is not kind:
            raise UnpickleError(f"damaged pickle (a {type(value).__name__} where a {kind.__name__} belongs)")
        return value

    def remember(self, place: int) -> None:
        self.memo[place] = self.stack[-1]
        self.places[id(self.stack[-1])] = place

    def set_items(self, target: object, items: list[Any]) -> None:
        keys, values = items[::2], items[1::2]
        if not all(isinstance(key, str | int | float) for key in keys):  # hashing a nested tuple can crash
            raise UnpickleError("refuses a dict key that is neither a text nor a number")
        if not isinstance(target, dict):
            raise UnpickleError(f"damaged pickle (items for a {type(target).__name__})")
        target.update(zip(keys, values, strict=True))

    def lookup(self, module: str, name: str) -> Name:
        key = f"{module}.{name}"
        if key not in self.table:
            modules = ", ".join(sorted({entry.rpartition(".")[0] for entry in self.table}))
            raise UnpickleError(f"refuses GLOBAL {key}; only listed names of {modules} are data")
        return Name(key, self.table[key])

    def spend(self, value: object) -> None:
        """Count what a value, or a tuple's items, would take if an entry of the table copies it."""
        items = value if isinstance(value, tuple) else (value,)
        self.left -= 1 + sum(len(item) for item in items if isinstance(item, str | bytes | tuple | list | dict | set))
        if self.left < 0:
            raise UnpickleError("refuses a pickle that builds many times its own size")

    def call(self, target: object, arguments: tuple[Any, ...]) -> object:
        if not isinstance(target, Name) or target.make is None:
            raise UnpickleError(f"refuses to call {target.name if isinstance(target, Name) else 'a value'}")
        self.spend(arguments)
        return target.make(*arguments)

    def build(self, state: object) -> None:
        target = self.stack[-1]
        build = getattr(target, "build", None)
        if build is None:
            raise UnpickleError(f"refuses to set the state of a {type(target).__name__}")
        self.spend(state)
        self.stack[-1] = build(state)
        if (place := self.places.get(id(target))) is not None and self.memo[place] is target:
            self.memo[place] = self.stack[-1]
