"""The laws of a machine, checked on a real stream of envelopes; every machine's tests call this."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from quanheng.runtime.envelope import Envelope
from quanheng.runtime.host import AnyMachine
from quanheng.runtime.records import EffectRecorder, encode, envelope_decoder


def broken_laws(
    make: Callable[[], AnyMachine], envelopes: Iterable[Envelope[Any]], restore_every: int = 7
) -> list[str]:
    """Texts of broken laws, empty when all hold, for a machine made fresh by `make`.

    Checked: one attribute `state`, a Struct; every input and effect survives its bytes; a twin
    that is replaced by restore(snapshot()) every few inputs says and becomes the same, bit for
    bit; snapshot and digest change nothing.
    """
    first = make()
    broken = _shape(first)
    recorder = EffectRecorder(first.DIGESTED)
    effects_of = msgspec.msgpack.Decoder(list[type(first).EFFECT])  # type: ignore[misc]
    decoder = envelope_decoder(type(first))
    twin = make()
    for count, envelope in enumerate(envelopes, 1):
        data = encode(envelope)
        if encode(decoder.decode(data)) != data:
            broken.append(f"input {envelope.seq}: it does not survive its bytes")
        effects = first.apply(envelope)
        broken += _survive(effects, effects_of, envelope.seq)
        if recorder.payload(twin.apply(decoder.decode(data))) != recorder.payload(effects):
            broken.append(f"input {envelope.seq}: the restored twin has other effects")
        if count % restore_every == 0:
            data = twin.snapshot()
            before = twin.digest()
            twin = make()
            twin.restore(data)
            if twin.digest() != before or twin.snapshot() != data:
                broken.append(f"input {envelope.seq}: restore(snapshot()) is another state")
        if len(broken) > 20:
            break
    if first.digest() != twin.digest():
        left, right = first.digest(), twin.digest()
        parts = [name for name in left if left[name] != right.get(name)]
        broken.append(f"the end: parts {', '.join(parts)} of the twin differ")
    return broken


def _shape(machine: AnyMachine) -> list[str]:
    names = list(getattr(machine, "__dict__", {}))
    for kind in type(machine).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
    if names != ["state"]:
        return [f"{machine.NAME}: the attributes are {names}, not one `state`"]
    state = getattr(machine, "state", None)
    return [] if isinstance(state, msgspec.Struct) else [f"{machine.NAME}: state is no Struct"]


def _survive(
    effects: Sequence[Any], decoder: "msgspec.msgpack.Decoder[Any]", seq: int
) -> list[str]:
    data = encode(effects)
    try:
        same = encode(decoder.decode(data)) == data
    except msgspec.ValidationError as error:
        return [f"input {seq}: an effect is outside EFFECT: {error}"]
    return [] if same else [f"input {seq}: an effect does not survive its bytes"]
