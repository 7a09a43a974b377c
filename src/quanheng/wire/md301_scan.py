"""The scanner of the MD301 stream: bytes as they came to rows, message by message.

A message is believed only when its length, checksum, every known field and its group agree;
anything else becomes a quarantined entry and the scan goes on at the next BeginString.
"""

from quanheng.kernels.jit import kernel
from quanheng.terms.market import (
    FLAGS,
    PHASE,
    SLOT,
    TURNOVER,
    VOLUME,
)
from quanheng.wire.md301_group import (
    DECIMALS,
    START,
    STOP,
    TAG,
    VALUE,
    read_group,
    ticks_of,
)
from quanheng.wire.md301_kernels import (
    ANNOUNCED,
    BAD_CHECKSUM,
    BAD_FIELD,
    BAD_GROUP,
    BAD_LENGTH,
    BEGIN,
    BEGIN_SIZE,
    CLOCK,
    COUNT,
    DATE,
    EQUALS,
    GARBAGE,
    GROUP_MESSAGE,
    IMAGE,
    KIND,
    KLASS,
    LETTERS,
    MARKET,
    MESSAGE_LIMIT,
    MISSING_FIELD,
    OFFSET,
    OTHER_MESSAGE,
    ROW_MESSAGE,
    SEQ,
    SOH,
    UNKNOWN_CODE,
    ZERO,
    Bytes,
    Rows,
    byte_at,
    byte_sum,
)


@kernel
def _matches(data: Bytes, at: int) -> int:
    """How many bytes of BeginString stand at `at` (all that the data holds: -1 - that number)."""
    for index in range(BEGIN_SIZE):
        if at + index >= data.size:
            return -1 - index
        if data[at + index] != BEGIN[index]:
            return index
    return BEGIN_SIZE


@kernel
def _find_begin(data: Bytes, at: int) -> int:
    """The next position where a message begins or might, once more bytes are there."""
    while at < data.size:
        found = _matches(data, at)
        if found == BEGIN_SIZE or found < 0:
            return at
        at += 1
    return at


@kernel
def _find_code(codes: Rows, code: int) -> int:
    """Index of a code in the sorted list, or -1."""
    low, high = 0, codes.size
    while low < high:
        middle = (low + high) // 2
        if codes[middle] < code:
            low = middle + 1
        else:
            high = middle
    return low if low < codes.size and codes[low] == code else -1


@kernel
def _trading_phase(data: Bytes, start: int, stop: int, row: Rows) -> bool:
    """Tag 8538 into PHASE and FLAGS."""
    if stop - start < 4:
        return False
    phase = -1
    for index in range(8):
        if LETTERS[index] == data[start]:
            phase = index
    barred = byte_at(data, start + 2) - ZERO
    accepts = byte_at(data, start + 3) - ZERO
    if phase < 0 or not 0 <= barred <= 7 or not 0 <= accepts <= 1:
        return False
    row[PHASE] = phase
    row[FLAGS] = barred | accepts << 3
    return True


@kernel
def _header_column(tag: int) -> int:
    """Column of the meta table for an integer tag, -1 for a tag that is none of them."""
    if tag == 34:
        return SEQ
    if tag == 75:
        return DATE
    if tag == 167:
        return MARKET
    if tag == 268:
        return ANNOUNCED
    if tag == 393:
        return COUNT
    if tag == 779:
        return CLOCK
    return KLASS if tag == 20001 else -1


@kernel
def _kind_of(first: int, length: int) -> int:
    """Kind of a message from the first character of tag 35 and its length."""
    if length == 1 and first == 87:
        return ROW_MESSAGE
    return GROUP_MESSAGE if length == 1 and first == 104 else OTHER_MESSAGE


@kernel
def _tokenise(data: Bytes, start: int, stop: int, tokens: Rows) -> int:
    """Fill `tokens` with the fields of a body; the number of fields, -1 when it is malformed.

    VALUE is -1 where the value is not a non-negative number of at most 18 characters.
    """
    if stop == start or data[stop - 1] != SOH:  # this SOH stops every loop below
        return -1
    at = start
    count = 0
    while at < stop:
        tag = 0
        first = at
        digit = byte_at(data, at) - ZERO
        while 0 <= digit <= 9 and at - first < 6:
            tag = tag * 10 + digit
            at += 1
            digit = byte_at(data, at) - ZERO
        if digit != EQUALS - ZERO or at == first or data[at + 1] == SOH:
            return -1
        if count == tokens.shape[0]:
            return -1
        at += 1
        first = at
        value = 0
        point = -1
        digit = byte_at(data, at) - ZERO
        while 0 <= digit <= 9 or (digit == -2 and point < 0):  # -2 is the point
            if digit == -2:
                point = at
            else:
                value = value * 10 + digit
            at += 1
            digit = byte_at(data, at) - ZERO
        odd = at - first > 18 or point == first or point == at - 1
        while data[at] != SOH:
            odd = True
            at += 1
        tokens[count, TAG] = tag
        tokens[count, START] = first
        tokens[count, STOP] = at
        tokens[count, VALUE] = -1 if odd else value
        tokens[count, DECIMALS] = at - point - 1 if point >= 0 else 0
        count += 1
        at += 1
    return count


@kernel
def _read_body(
    data: Bytes, tokens: Rows, count: int, codes: Rows, slots: Rows, row: Rows, meta: Rows
) -> int:
    """Read the fields of a body whose checksum is right. Returns the message's kind, or why it
    is quarantined. Unknown tags are ignored.
    """
    if count < 0:
        return BAD_FIELD
    row[:] = 0
    meta[CLOCK] = -1
    kind, code, phase, volume, turnover, rest = 0, -1, -1, 0, 0, 0
    for index in range(count):  # no calls with arrays in this loop: they cost more than it
        tag = tokens[index, TAG]
        value = tokens[index, VALUE]
        column = _header_column(tag)
        if column >= 0:
            if value < 0 or tokens[index, DECIMALS] > 0:
                return BAD_FIELD
            meta[column] = value
        elif tag == 48:
            code = value
        elif tag == 387:
            volume = value if tokens[index, DECIMALS] == 0 else -1
        elif tag == 8504:
            turnover = ticks_of(value, tokens[index, DECIMALS]) if value >= 0 else -1
        elif tag == 20004:
            rest = value if tokens[index, DECIMALS] == 0 and value < 100 else -1
        elif tag == 35:
            start = tokens[index, START]
            kind = _kind_of(byte_at(data, start), tokens[index, STOP] - start)
        elif tag == 8538:
            phase = index
        elif tag == 20003:
            meta[IMAGE] = 1 if data[tokens[index, START]] == 89 else 0
    if kind != ROW_MESSAGE:
        missing = kind == 0 or (kind == GROUP_MESSAGE and meta[CLOCK] < 0)
        return MISSING_FIELD if missing else kind
    if volume < 0 or turnover < 0 or rest < 0:
        return BAD_FIELD
    row[VOLUME] = volume
    row[TURNOVER] = turnover + rest
    if code < 0 or phase < 0 or meta[CLOCK] < 0:
        return MISSING_FIELD
    return _finish_row(data, tokens, count, phase, _find_code(codes, code), slots, row, meta)


@kernel
def _finish_row(
    data: Bytes,
    tokens: Rows,
    count: int,
    phase: int,
    found: int,
    slots: Rows,
    row: Rows,
    meta: Rows,
) -> int:
    """Slot, trading phase and group of a row message."""
    if found < 0:
        return UNKNOWN_CODE
    row[SLOT] = slots[found, 0]
    meta[KLASS] = slots[found, 1]
    if not _trading_phase(data, tokens[phase, START], tokens[phase, STOP], row):
        return BAD_FIELD
    entries = read_group(data, tokens, count, row)
    if entries < 0:
        return entries
    return ROW_MESSAGE if entries == meta[ANNOUNCED] else BAD_GROUP


@kernel
def _body_span(data: Bytes, at: int) -> tuple[int, int]:
    """(body start, body size) of the message at `at`; size -1 if malformed, -2 if unfinished."""
    cursor = at + BEGIN_SIZE
    size = 0
    for digits in range(6):
        if cursor >= data.size:
            return cursor, -2
        if data[cursor] == SOH:
            return cursor + 1, size if digits > 0 and size <= MESSAGE_LIMIT else -1
        digit = byte_at(data, cursor) - ZERO
        if digit < 0 or digit > 9:
            return cursor, -1
        size = size * 10 + digit
        cursor += 1
    return cursor, -1


@kernel
def _checksum_stands(data: Bytes, at: int, stop: int) -> bool:
    """The trailer 10=ddd is at `stop` and is the sum of data[at:stop]."""
    if data[stop] != 49 or data[stop + 1] != ZERO or data[stop + 2] != EQUALS:
        return False
    total = byte_sum(data[at:stop])
    return bool(
        data[stop + 3] == ZERO + total // 100
        and data[stop + 4] == ZERO + total // 10 % 10
        and data[stop + 5] == ZERO + total % 10
        and data[stop + 6] == SOH
    )


@kernel
def scan(
    data: Bytes, codes: Rows, slots: Rows, tokens: Rows, rows: Rows, meta: Rows
) -> tuple[int, int]:
    """Read messages until `data` or the tables are full: (messages, bytes consumed).

    `slots` gives slot and class (-1 for an ETF) of each code.
    rows[m] is the row of message m when it is one; meta[m] its kind (negative when quarantined),
    offset, sequence number and header fields. Unconsumed bytes belong to an unfinished message.
    """
    at, count = 0, 0
    resync = False
    while at < data.size and count < meta.shape[0]:
        found = _matches(data, at)
        if found < 0:
            break
        if found < BEGIN_SIZE:
            if not resync:  # the rest of a bad message was counted with it
                meta[count, :] = 0
                meta[count, KIND] = GARBAGE
                meta[count, OFFSET] = at
                count += 1
            resync = False
            at = _find_begin(data, at + 1)
            continue
        resync = False
        body, size = _body_span(data, at)
        if size == -2 or (size >= 0 and body + size + 7 > data.size):
            break
        meta[count, :] = 0
        meta[count, OFFSET] = at
        if size < 0:
            meta[count, KIND] = BAD_LENGTH
        elif not _checksum_stands(data, at, body + size):
            meta[count, KIND] = BAD_CHECKSUM
        else:
            fields = _tokenise(data, body, body + size, tokens)
            meta[count, KIND] = _read_body(
                data, tokens, fields, codes, slots, rows[count], meta[count]
            )
            at = body + size + 7
            count += 1
            continue
        count += 1
        at += BEGIN_SIZE
        resync = True
    return count, at
