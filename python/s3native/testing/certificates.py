"""A certificate authority for one test server, made with the ``openssl`` command or ``trustme``."""

from __future__ import annotations

import importlib
import ipaddress
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_VALID_DAYS = "30"
_AUTHORITY_EXTENSIONS = (
    "basicConstraints=critical,CA:TRUE",
    "keyUsage=critical,keyCertSign,cRLSign",
)
_SERVER_EXTENSIONS = """\
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = {names}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
"""


@dataclass(frozen=True)
class Certificates:
    """PEM files: what a client trusts, and what a server on 127.0.0.1 shows."""

    ca_bundle: Path
    certificate: Path
    private_key: Path


def make_certificates(
    folder: Path, names: Sequence[str] = ("127.0.0.1", "localhost")
) -> Certificates:
    """Write a fresh authority and a server certificate into ``folder`` (valid for 30 days).

    The certificate is for ``names``: host names or IP addresses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificates(folder / "ca.crt", folder / "public.crt", folder / "private.key")
    if shutil.which("openssl"):
        _with_openssl(folder, made, names)
    else:
        _with_trustme(made, names)
    return made


def _with_openssl(folder: Path, made: Certificates, names: Sequence[str]) -> None:
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    ca_key, request, extensions = folder / "ca.key", folder / "request.csr", folder / "leaf.cnf"
    alternatives = ", ".join(f"{'IP' if _is_address(name) else 'DNS'}:{name}" for name in names)
    extensions.write_text(_SERVER_EXTENSIONS.format(names=alternatives))
    authority = ["req", "-x509", *curve, "-days", _VALID_DAYS, "-subj", "/CN=s3native test CA"]
    for extension in _AUTHORITY_EXTENSIONS:
        authority += ["-addext", extension]
    _openssl(*authority, "-keyout", str(ca_key), "-out", str(made.ca_bundle))
    leaf = ["req", *curve, "-subj", "/CN=s3native test server", "-keyout", str(made.private_key)]
    _openssl(*leaf, "-out", str(request))
    sign = ["x509", "-req", "-in", str(request), "-CA", str(made.ca_bundle), "-CAkey", str(ca_key)]
    sign += ["-CAcreateserial", "-days", _VALID_DAYS, "-extfile", str(extensions)]
    _openssl(*sign, "-out", str(made.certificate))
    for private in (ca_key, request, extensions):
        private.unlink()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _openssl(*arguments: str) -> None:
    done = subprocess.run(
        ["openssl", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]} failed:\n{done.stderr}")


def _with_trustme(made: Certificates, names: Sequence[str]) -> None:
    try:
        trustme = importlib.import_module("trustme")
    except ImportError as error:
        raise RuntimeError(
            "a TLS test server needs the openssl command, or `pip install trustme`"
        ) from error
    authority = trustme.CA()
    leaf = authority.issue_cert(*names)
    authority.cert_pem.write_to_path(made.ca_bundle)
    leaf.cert_chain_pems[0].write_to_path(made.certificate)
    leaf.private_key_pem.write_to_path(made.private_key)
