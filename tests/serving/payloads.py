"""Bodies that nobody should send, without end: valid ones of every kind, mutated from a seed."""

import asyncio
import csv
import io
import json
import random
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa

PREDICT = "/deployments/clinic/predictions"
ACTUALS = "/deployments/clinic/actuals"
INFER = "/v2/models/clinic/infer"
JSON, CSV = "application/json", "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
BINARY = "application/octet-stream"
CANARY = "Zq7canary"
"""A word that is put into bodies and must not come back in a refusal."""

VALUES = [
    *("1e308", "-1e308", "1.7976931348623157e308", "5e-324", "1e200"),
    *("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e-400", "-0", "-0.0", "0e0"),
    *("9007199254740993", "9223372036854775808", "18446744073709551616", "-9223372036854775809"),
    *("9" * 400, "9" * 4000, "1." + "0" * 5000 + "1", "1E+99999999999", "01", "+1", ".5", "1."),
    *("0x10", "1_000", "١", "null", "true", "false", "None", "undefined", "[]", "{}", "[null]"),
    *('""', '"1"', '"NaN"', '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"a\x00b"', '"\t"'),
    *('"\\x41"', '"\\u12"', '"unended', "'single'", f'"{CANARY}"', f'"{CANARY}\\n\\r{{}}%s%n"'),
    *('"ｆｕｌｌ １２"', '"e\\u0301"', '"\\u202eevil"', '"👩‍👩‍👧‍👦"', '"' + "x" * 10_000 + '"'),
    *('"; DROP TABLE rollout;--"', '"../../etc/passwd"', '"${jndi:ldap://x}"', '"{{7*7}}"'),
    *("[" * 33 + "]" * 33, "[" * 900 + "]" * 900, '{"a":' * 40 + "1" + "}" * 40, "[" * 3000),
    *('{"a":1,"a":2}', '{"__proto__":{}}', "1,", "/* c */ 1", "1 // c", "", ",", ":", "\ufeff1"),
]
BYTES = [
    *(b"\x00", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xef\xbb\xbf", b'"'),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\\",
        b"\n",
        b"\r",
        b"\t",
        b"1e999",
        b"\\u",
        b"\x1b[31m",
    ),
    *(b"null", b"\x80\x04\x95", b"PK\x03\x04", b"\x7fELF", b"<script>", b"\xff\xff\xff\xff", b"-"),
]
QUERIES = [
    *(
        "",
        "",
        "",
        "",
        "",
        "?id=case",
        "?id=",
        "?pass=note",
        "?pass=mean%20radius",
        "?threshold=0.5",
    ),
    *("?threshold=nan", "?threshold=1e400", "?threshold=-0", "?id=%ff", "?id=%00", "?limit=1e9"),
    *("?sort=id;drop", "?" + "a=1&" * 200, "?pass=" + "x" * 3000, "?id=a&id=b", "?%", "?=", "?&&"),
    *(f"?{CANARY}=1", f"?pass={CANARY}", f"?id={CANARY}", "?threshold=" + "9" * 400),
]
KINDS = [
    *("application/json; charset=utf-8", "APPLICATION/JSON", "text/plain", "", "application/xml"),
    *("application/vnd.bentoml+pickle", "application/x-www-form-urlencoded", "*/*", "a" * 500),
    *("multipart/form-data; boundary=x", "application/json;", "application/json, text/csv"),
]
TIMES = [
    *("1970-01-01T00:00:00Z", "2099-01-01T00:00:00+14:00", "2016-12-31T23:59:60Z", "2026-02-30"),
    *("2026-01-01T00:00:00", "yesterday", "9999-12-31T23:59:59-23:59", "0000-00-00", "-1", "1e9"),
]


class Payload(NamedTuple):
    """One request."""

    path: str
    kind: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Outcome:
    """What came of many requests."""

    statuses: Counter = field(default_factory=Counter)
    codes: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)


class Payloads:
    """Makes payloads for one deployment's rows; the same seed makes the same ones."""

    def __init__(self, rows, seed=0):
        self._chance = random.Random(seed)
        self._rows = [dict(row) for row in rows[:20]]
        self._makers = (
            *[self._json] * 8,
            *[self._columns] * 3,
            *[self._tensors] * 4,
            *[self._binary] * 2,
            *[self._csv] * 4,
            *[self._arrow] * 4,
        )
        self._arrows = list(arrows(self._rows))

    def __iter__(self):
        """Yield payloads without end."""
        while True:
            is_actual = (
                self._chance.random() < 0.005
            )  # each is a deed with its line in the audit log
            payload = self._actuals() if is_actual else self._chance.choice(self._makers)()
            for _ in range(self._chance.choice((0, 0, 0, 0, 0, 1, 2, 4))):
                payload = payload._replace(body=self._bent(payload.body))
            yield self._dressed(payload)

    def _some(self, most=3):
        chosen = self._chance.sample(self._rows, self._chance.randint(1, most))
        return [dict(row) for row in chosen]

    def _json(self):
        rows = [self._odd(row) for row in self._some()]
        parts = [f'"rows":[{",".join(map(as_object, rows))}]']
        if self._chance.random() < 0.2:
            parts.append(f'"ids":[{",".join(self._value() for _ in rows)}]')
        if self._chance.random() < 0.1:
            parts.append(f'"{self._word()}":{self._value()}')
        return Payload(PREDICT, JSON, as_bytes("{" + ",".join(parts) + "}"))

    def _columns(self):
        rows = self._some()
        columns = {name: [json.dumps(row[name]) for row in rows] for name in rows[0]}
        for _ in range(self._chance.choice((0, 0, 1, 2))):
            column = columns[self._chance.choice(list(columns))]
            column[self._chance.randrange(len(column))] = self._value()
            if self._chance.random() < 0.2:
                column.append(self._value())
        told = ",".join(f"{json.dumps(n)}:[{','.join(v)}]" for n, v in columns.items())
        return Payload(PREDICT, JSON, as_bytes(f'{{"columns":{{{told}}}}}'))

    def _tensors(self):
        rows, chance = self._some(), self._chance
        inputs = []
        for name in rows[0]:
            tensor = {
                "name": json.dumps(name),
                "shape": f"[{len(rows)}]",
                "datatype": '"FP64"',
                "data": json.dumps([row[name] for row in rows]),
            }
            if chance.random() < 0.02:
                tensor[chance.choice(list(tensor))] = self._value()
            if chance.random() < 0.01:
                tensor["datatype"] = chance.choice(('"BYTES"', '"BOOL"', '"INT8"', '"FP16"'))
            if chance.random() < 0.02:
                shapes = ("[-1]", "[1,3]", "[3,1]", "[0]", "[4294967296,4294967296]", "[]", "[1e2]")
                tensor["shape"] = chance.choice(shapes)
            if chance.random() < 0.02:
                tensor["parameters"] = f'{{"binary_data_size":{self._value()}}}'
            inputs.append("{" + ",".join(f'"{k}":{v}' for k, v in tensor.items()) + "}")
        more = f',"id":{self._value()}' if chance.random() < 0.2 else ""
        more += f',"outputs":[{{"name":{self._value()}}}]' if chance.random() < 0.2 else ""
        return Payload(INFER, JSON, as_bytes(f'{{"inputs":[{",".join(inputs)}]{more}}}'))

    def _binary(self):
        rows, inputs, blobs = self._some(), [], []
        for name in rows[0]:
            blob = np.array([row[name] for row in rows], dtype="<f8").tobytes()
            size = len(blob)
            if self._chance.random() < 0.03:
                blob = struct.pack("<d", self._chance.choice((float("nan"), float("inf"), 1e308)))
            if self._chance.random() < 0.03:
                size = self._chance.choice((0, -8, 7, 1 << 40, 2**70))
            blobs.append(blob)
            inputs.append({"name": name, "shape": [len(rows)], "datatype": "FP64",
                           "parameters": {"binary_data_size": size}})  # fmt: skip
        head = json.dumps({"inputs": inputs}).encode()
        length = self._chance.choice(("0", "-1", "1e3", "9" * 30, "", "x", "٣", str(len(head) + 1)))
        length = str(len(head)) if self._chance.random() < 0.8 else length
        named = (("Inference-Header-Content-Length", length),)
        return Payload(INFER, BINARY, head + b"".join(blobs), named)

    def _csv(self):
        rows = self._some()
        names = list(rows[0])
        for row in rows:
            for _ in range(self._chance.choice((0, 0, 0, 1))):
                row[self._chance.choice(names)] = self._value().strip('"')[:2000]
        if self._chance.random() < 0.1:
            names[self._chance.randrange(len(names))] = self._word()
        out = io.StringIO()
        line = csv.writer(out, delimiter=self._chance.choice(",,,,,,;\t"))
        line.writerow(names)
        line.writerows([list(row.values()) for row in rows])
        return Payload(PREDICT, CSV, as_bytes(out.getvalue()))

    def _arrow(self):
        return Payload(PREDICT, ARROW, self._chance.choice(self._arrows))

    def _actuals(self):
        row = {"id": self._value(), "value": self._value()}
        told = {"rows": "[" + as_object(row) + "]"}
        if self._chance.random() < 0.5:
            row["when"] = json.dumps(self._chance.choice(TIMES))
            told = {"rows": "[" + as_object(row) + "]", "time": '"when"'}
        if self._chance.random() < 0.2:
            told[self._chance.choice(("id", "value", "time", "hash", "created_by"))] = self._value()
        return Payload(ACTUALS, JSON, as_bytes(as_object(told)))

    def _odd(self, row):
        """Return a row as JSON texts, some of which are none."""
        told = {name: json.dumps(value) for name, value in row.items()}
        for _ in range(self._chance.choice((0, 0, 1, 1, 3))):
            told[self._chance.choice(list(told))] = self._value()
        if self._chance.random() < 0.1:
            told.pop(self._chance.choice(list(told)))
        if self._chance.random() < 0.2:
            told[self._word()] = self._value()
        return told

    def _value(self):
        return self._chance.choice(VALUES)

    def _word(self):
        words = (CANARY, "", "a\x00b", "\\ud800", "x" * 3000, "mean radius", "MEAN RADIUS", "🙂")
        return self._chance.choice(words)

    def _bent(self, body):
        """Change a body somewhere, without knowing what it means."""
        chance, at = self._chance, self._chance.randrange(len(body) + 1)
        to = min(len(body), at + chance.choice((1, 1, 2, 8, 64, 1000)))
        how = chance.randrange(6)
        if how == 0:
            return body[:at] + chance.choice(BYTES) + body[at:]
        if how == 1:
            return body[:at] + chance.choice(BYTES) + body[to:]
        if how == 2:
            return body[:at] + body[to:]
        if how == 3:
            return body[:at] + body[at:to] * chance.choice((2, 3, 50)) + body[to:]
        if how == 4:
            return body[:at]
        return body[:at] + chance.randbytes(to - at) + body[to:]

    def _dressed(self, payload):
        chance, headers = self._chance, payload.headers
        path, kind = payload.path, payload.kind
        if chance.random() < (0.25 if path == PREDICT else 0.05):
            path += chance.choice(QUERIES)
        if chance.random() < 0.02:
            kind = chance.choice(KINDS)
        if chance.random() < 0.02:
            headers = (*headers, ("Content-Encoding", "gzip"))
        if chance.random() < 0.05:
            headers = (*headers, ("Idempotency-Key", f"k{chance.randrange(50)}"))
        return Payload(path, kind, payload.body, headers)


def arrows(rows):
    """Yield Arrow streams, most of which are odd."""
    table = pa.Table.from_pylist(rows[:3])
    name = table.column_names[0]
    odd = [
        pa.array([float("nan"), float("inf"), -float("inf")]),
        pa.array([2**63 - 1, -(2**63), 0]),
        pa.array([2**64 - 1, 0, 1], pa.uint64()),
        pa.array(["x\x00", CANARY, "\U0001f642"]),
        pa.array([[1.0], [], None]),
        pa.array([{"a": 1}, None, {"a": 2}]),
        pa.array([b"\xff", b"", None]),
        pa.array([1, 2, 3], pa.timestamp("ns", "UTC")),
        pa.array([1, 2, 3], pa.duration("s")),
        pa.array([True, None, False]),
        pa.nulls(3),
        pa.array(["a", "b", "a"]).dictionary_encode(),
        pa.array([1.0, 2.0, 1.0]).dictionary_encode(),
        pa.array(["a", None, "b"], pa.large_string()),
        pa.array(["a", None, "b"], pa.string_view()),
        pa.array(np.array([1, 2, 3], "f2")),
        pa.array([1, 2, 3]).cast(pa.decimal128(20)),
        pa.array([1, 2, 3], pa.date32()),
        pa.RunEndEncodedArray.from_arrays(pa.array([3], pa.int32()), pa.array([1.0])),
        pa.StringArray.from_buffers(3, pa.py_buffer(struct.pack("<4i", 0, 1, 2, 3)), pa.py_buffer(b"\xff\xfe\xfd")),
    ]  # fmt: skip
    yield from [as_arrow(table)] * 10
    for column in odd:
        yield as_arrow(table.set_column(0, name, column))
    yield as_arrow(table.append_column(name, table[name]))
    yield as_arrow(table.slice(0, 0))
    yield as_arrow(table.select([]))
    yield as_arrow(table.replace_schema_metadata({CANARY: "x" * 5000}))
    yield as_arrow(table.rename_columns([CANARY, *table.column_names[1:]]))
    for how in ("lz4", "zstd"):
        yield as_arrow(table, compression=how)


def as_arrow(table, **options):
    """Return a table as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as out:
        out.write_table(table)
    return sink.getvalue().to_pybytes()


def arrow_body(rows):
    """Return rows as an Arrow IPC stream."""
    return as_arrow(pa.Table.from_pylist(rows))


def as_object(texts):
    """Return JSON texts as one JSON object; names are written as they are."""
    return "{" + ",".join(f'"{name}":{text}' for name, text in texts.items()) + "}"


def as_bytes(text):
    """Return text in UTF-8, lone surrogates included."""
    return text.encode("utf-8", "surrogatepass")


async def fire(known, payloads, count, lines=8):
    """Send payloads over a few connections; return what came of them."""
    host, port = known["url"].removeprefix("http://").split(":")
    outcome, source = Outcome(), iter(payloads)
    left = iter(range(count))

    async def line():
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in left:
            payload = next(source)
            writer.write(as_request(payload, f"{host}:{port}", known["token"]))
            status, headers, body = await answer(reader)
            _judge(outcome, payload, status, headers, body)
            if b"connection: close" in headers:
                writer.close()
                reader, writer = await asyncio.open_connection(host, int(port))
        writer.close()

    await asyncio.gather(*(line() for _ in range(lines)))
    return outcome


def as_request(payload, host, token):
    """Return a payload as the bytes of a request."""
    lines = [
        f"POST {payload.path} HTTP/1.1",
        f"Host: {host}",
        f"Authorization: Bearer {token}",
        f"Content-Type: {payload.kind}",
        f"Content-Length: {len(payload.body)}",
        *(f"{name}: {value}" for name, value in payload.headers),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + payload.body


async def answer(reader):
    """Read one answer: its status, its head and its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
    return int(head.split(None, 2)[1]), head, await reader.readexactly(length)


def _judge(outcome, payload, status, head, body):
    outcome.statuses[status] += 1
    because = ""
    try:
        told = json.loads(body, parse_constant=_never)
    except ValueError:
        told, because = {}, "the answer is not JSON"
    if status >= 500:
        because = f"it answered {status}"
    elif status >= 400:
        outcome.codes[told.get("code")] += 1
        if b"application/problem+json" not in head or not told.get("code"):
            because = "a refusal without a code"
        elif CANARY.encode() in body or b"Traceback" in body:
            because = "a refusal that repeats what was sent"
    if because:
        outcome.wrong.append((because, payload, body[:300]))


def _never(name):
    raise ValueError(name)
