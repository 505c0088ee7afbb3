"""TLS records: of every size, of every protocol and cipher, spoilt, and under changing keys."""

from __future__ import annotations

import random
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import s3native
from content import content
from raw_object import BROKEN, DATA, RANGE, URL, connect, reply_to, serve
from raw_server import Line, RawServer, Request, pieces, response
from s3native.testing.certificates import Certificates, make_certificates
from s3native.testing.process import free_port

RECORD = 16 * 1024  # the most a record holds


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def aes_128(context: ssl.SSLContext) -> None:
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE


def aes_256(context: ssl.SSLContext) -> None:
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE


def tls_1_2(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2


def settings(
    certificates: Certificates, kind: Callable[[ssl.SSLContext], None] = aes_256
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.private_key)
    kind(context)
    return context


KINDS = {
    aes_128: ("TLSv1.3", "TLS_AES_128_GCM_SHA256"),
    aes_256: ("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
    tls_1_2: ("TLSv1.2", "ECDHE-"),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_records_of_every_size(
    certificates: Certificates, kind: Callable[[ssl.SSLContext], None]
) -> None:
    sizes = random.Random(1)
    ciphers = set()

    def answer(request: Request, line: Line) -> None:
        ciphers.add(line.cipher)
        reply = reply_to(request).text()
        edges = [1, 2, RECORD - 1, RECORD, RECORD + 1]
        line.send(*pieces(reply, (sizes.choice([*edges, sizes.randrange(1, 300)]) for _ in reply)))

    with RawServer(answer, tls=settings(certificates, kind)) as server:
        client = connect(server, ca_bundle=str(certificates.ca_bundle))
        for _ in range(5):
            assert bytes(client.get(URL)) == DATA
            into = bytearray(RANGE[1] - RANGE[0] + 100)
            assert client.get_into(URL, into, range=RANGE) == RANGE[1] - RANGE[0]
            assert into == DATA[slice(*RANGE)] + bytes(100), "nothing behind the range is touched"
    [(version, cipher)] = ciphers
    assert version == KINDS[kind][0]
    assert cipher.startswith(KINDS[kind][1])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_bodies_are_sent(
    certificates: Certificates, kind: Callable[[ssl.SSLContext], None]
) -> None:
    received = {}

    def answer(request: Request, line: Line) -> None:
        received[request.target] = line.body()
        line.send(reply_to(request).text())

    sent = {f"/bucket/{size}": content(size) for size in (0, 1, RECORD, RECORD + 1, 5_000_000)}
    with RawServer(answer, tls=settings(certificates, kind)) as server:
        client = connect(server, ca_bundle=str(certificates.ca_bundle), part_size=8 << 20)
        for path, data in sent.items():
            client.put(f"s3:/{path}", data)
    assert received == sent


def record(kind: int, length: int, fragment: bytes) -> bytes:
    return bytes([kind, 3, 3]) + length.to_bytes(2, "big") + fragment


SPOILT = {
    "not-genuine": record(23, 100, content(100)),
    "not-genuine-full": record(23, RECORD + 17, content(RECORD + 17)),
    "no-room-for-a-tag": record(23, 16, content(16)),
    "empty": record(23, 0, b""),
    "too-long": record(23, RECORD + 257, content(RECORD + 257)),
    "longest": record(23, 65535, content(65535)),
    "plain-alert": record(21, 2, b"\x02\x28"),
    "plain-close": record(21, 2, b"\x01\x00"),
    "plain-handshake": record(22, 5, b"\x18\x00\x00\x01\x00"),
    "change-cipher-spec": record(20, 1, b"\x01"),
    "no-record": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "zeros": bytes(1000),
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize("after", [0, 50_000], ids=["before-the-head", "in-the-body"])
def test_spoilt_records_are_refused_and_the_request_sent_again(
    certificates: Certificates, spoilt: bytes, after: int
) -> None:
    def answer(request: Request, line: Line) -> None:
        if request.index == 2:
            serve(request, line)
        else:
            line.send(reply_to(request).text()[:after])
            line.send_below_tls(spoilt)
            line.end()

    with RawServer(answer, tls=settings(certificates)) as server:
        bundle = str(certificates.ca_bundle)
        with pytest.raises(BROKEN):
            connect(server, ca_bundle=bundle, part_size=1 << 20).get(URL, range=RANGE)
        again = connect(server, ca_bundle=bundle, part_size=1 << 20, max_attempts=2)
        assert bytes(again.get(URL, range=RANGE)) == DATA[slice(*RANGE)]
        assert len(server.requests) == 3


@contextmanager
def openssl_server(certificates: Certificates) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """One that prints what it receives, sends its input, and a KeyUpdate for a line of k or K."""
    port = free_port()
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-tls1_3", "-naccept", "1"]
    command += ["-cert", str(certificates.certificate), "-key", str(certificates.private_key)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
    ) as process:
        try:
            assert process.stdout is not None
            while b"ACCEPT" not in process.stdout.readline():
                pass
            yield f"https://127.0.0.1:{port}", process
        finally:
            process.kill()


def test_keys_change_on_both_sides(certificates: Certificates) -> None:
    body = b"x" * 60_000
    head = response(206, etag='"1"', content_length="60000", content_range="bytes 0-59999/60000")
    told = bytearray()
    with openssl_server(certificates) as (endpoint, process):
        requests = threading.Semaphore(0)

        def listen() -> None:
            assert process.stdout is not None
            while data := process.stdout.read(4096):
                told.extend(data)
                if b"\r\n\r\n" in data:
                    requests.release()

        def say(*texts: bytes) -> None:
            assert process.stdin is not None
            for text in texts:  # each is one read of the server's
                process.stdin.write(text)
                threading.Event().wait(0.1)

        def answer() -> None:
            for _ in range(3):
                assert requests.acquire(timeout=20)
                # k changes the server's keys, K asks for the client's as well.
                say(b"k\n", head, body[:9_000], b"k\n", body[9_000:20_000], b"K\n", body[20_000:])

        threads = [threading.Thread(target=work) for work in (listen, answer)]
        for thread in threads:
            thread.start()
        client = s3native.Client(
            endpoint=endpoint,
            ca_bundle=str(certificates.ca_bundle),
            credentials="anonymous",
            max_attempts=1,
        )
        into = bytearray(60_000)
        for _ in range(3):  # over one connection: the server accepts no other
            assert client.get_into("s3://bucket/key", into, range=(0, 60_000)) == 60_000
            assert into == body
            into[:] = bytes(60_000)
    for thread in threads:
        thread.join()
    assert told.count(b"SSL_do_handshake -> 1") >= 6  # the last ones may not be printed any more
    assert told.count(b"GET /bucket/key") == 3
