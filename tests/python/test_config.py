"""Configuration: arguments, environment, profile files and defaults, and what is told of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import s3native

SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with AWS's two files, which the environment names; write to them."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path


def test_defaults() -> None:
    config = s3native.Client().config
    assert config.endpoint == "https://s3.us-east-1.amazonaws.com"
    assert (config.region, config.profile) == ("us-east-1", "default")
    assert (config.verify_ssl, config.addressing, config.proxy) == (True, "virtual", "")
    assert config.part_size == 8 << 20
    assert config.throughput_target_gbps == 10
    assert 256 << 20 <= config.memory_limit <= 4 << 30
    assert (config.connect_timeout_ms, config.stall_timeout_s, config.total_timeout_s) == (
        3000,
        30,
        0,
    )
    assert (config.max_attempts, config.retry_mode) == (10, "standard")
    assert (config.request_checksum, config.response_checksum) == ("when_supported",) * 2
    assert set(config.sources.values()) == {"default", "environment AWS_CONFIG_FILE"} | {
        "environment AWS_SHARED_CREDENTIALS_FILE",
        "environment AWS_EC2_METADATA_DISABLED",
    }


def test_arguments() -> None:
    options: dict[str, Any] = {
        "region": "eu-central-1",
        "part_size": 16 << 20,
        "throughput_target_gbps": 25.0,
        "max_connections": 7,
        "connect_timeout_ms": 100,
        "first_byte_timeout_s": 9,
        "stall_timeout_s": 5,
        "total_timeout_s": 60,
        "max_attempts": 3,
        "retry_mode": "adaptive",
        "request_checksum": "when_required",
        "response_checksum": "when_required",
        "verify_ssl": False,
    }
    config = s3native.Client(endpoint="https://example.com:8443", **options).config
    assert config.endpoint == "https://example.com:8443"
    assert config.addressing == "path"
    for name, value in options.items():
        assert config.values[name] == value
        assert config.sources[name] == "argument"
    with pytest.raises(AttributeError):
        _ = config.no_such_setting


@pytest.mark.parametrize(
    "name", ["S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"], ids=str
)
def test_endpoint_from_the_environment(
    name: str, server: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    monkeypatch.setenv(name, server.endpoint)
    client = s3native.Client()
    assert client.config.endpoint == server.endpoint
    assert client.config.sources["host"] == f"environment {name}"
    assert client.config.sources["credentials_kind"] == "environment AWS_ACCESS_KEY_ID"
    client.put(f"s3://{bucket}/key", b"data")


def test_endpoint_without_a_scheme(
    server: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = server.endpoint.removeprefix("http://")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    monkeypatch.setenv("S3_ENDPOINT", authority)
    assert s3native.Client().config.endpoint == f"https://{authority}"
    monkeypatch.setenv("S3_USE_HTTPS", "0")
    client = s3native.Client()
    assert client.config.endpoint == server.endpoint
    client.put(f"s3://{bucket}/key", b"data")
    assert s3native.Client(use_https=True).config.endpoint == f"https://{authority}"


def test_the_more_particular_endpoint_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "S3_ENDPOINT"):
        monkeypatch.setenv(name, f"http://{name.lower().replace('_', '-')}:9000")
        expected = name.lower().replace("_", "-")
        assert s3native.Client().config.endpoint == f"http://{expected}:9000"
    assert s3native.Client(endpoint="http://argument").config.endpoint == "http://argument"


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("AWS_REGION", "eu-west-3", "region", "eu-west-3"),
        ("AWS_DEFAULT_REGION", "eu-west-3", "region", "eu-west-3"),
        ("S3_VERIFY_SSL", "0", "verify_ssl", False),
        ("S3_VERIFY_SSL", "1", "verify_ssl", True),
        ("AWS_MAX_ATTEMPTS", "4", "max_attempts", 4),
        ("AWS_RETRY_MODE", "legacy", "retry_mode", "legacy"),
        ("AWS_REQUEST_CHECKSUM_CALCULATION", "WHEN_REQUIRED", "request_checksum", "when_required"),
        ("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required", "response_checksum", "when_required"),
        ("HTTPS_PROXY", "http://proxy:3128", "proxy", "http://proxy:3128"),
        ("https_proxy", "proxy:3128", "proxy", "http://proxy:3128"),
    ],
)
def test_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, field: str, expected: Any
) -> None:
    monkeypatch.setenv(variable, value)
    config = s3native.Client().config
    assert config.values[field] == expected
    assert config.sources[field] == f"environment {variable}"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("S3_USE_HTTPS", "maybe"),
        ("S3_VERIFY_SSL", "2"),
        ("AWS_MAX_ATTEMPTS", "many"),
        ("AWS_MAX_ATTEMPTS", "0"),
        ("AWS_RETRY_MODE", "never"),
        ("AWS_REQUEST_CHECKSUM_CALCULATION", "always"),
        ("S3_ENDPOINT", "ftp://host"),
        ("AWS_REGION", "no such region"),
        ("AWS_PROFILE", "no-such-profile"),
        ("AWS_ACCESS_KEY_ID", "only-half"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
    ],
)
def test_bad_environment_is_named_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=variable) as caught:
        s3native.Client()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "option",
    [
        {"part_size": 0},
        {"part_size": 6 << 30},
        {"throughput_target_gbps": 0.0},
        {"throughput_target_gbps": float("nan")},
        {"memory_limit": 0},
        {"connect_timeout_ms": 0},
        {"max_attempts": 0},
        {"retry_mode": "never"},
        {"addressing": "upside-down"},
        {"request_checksum": "always"},
        {"region": ""},
        {"profile": ""},
        {"profile": "no-such-profile"},
        {"endpoint": "ftp://host"},
        {"endpoint": "http://host:99999"},
        {"endpoint": "http://host", "use_https": True},
        {"endpoint": "http://127.0.0.1", "addressing": "virtual"},
        {"credentials": "somebody"},
    ],
    ids=str,
)
def test_arguments_that_make_no_sense(option: dict[str, Any]) -> None:
    name = next(iter(option))
    with pytest.raises(ValueError, match=name):
        s3native.Client(**option)


@pytest.mark.parametrize(
    "option",
    [
        {"part_size": "8 MiB"},
        {"part_size": -1},
        {"region": 5},
        {"use_https": "yes"},
        {"credentials": 5},
        {"max_attempts": 1.5},
    ],
    ids=str,
)
def test_arguments_of_wrong_types(option: dict[str, Any]) -> None:
    name = next(iter(option))
    with pytest.raises((TypeError, ValueError), match=name):
        s3native.Client(**option)


def test_unknown_arguments() -> None:
    with pytest.raises(TypeError, match="regoin"):
        s3native.Client(regoin="us-east-1")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        s3native.Client("http://127.0.0.1:9000")  # type: ignore[misc]


def test_profile_files(profiles: Path, server: Any, bucket: str) -> None:
    (profiles / "config").write_text(
        "[profile dev]\nregion = eu-north-1\nmax_attempts = 5\n"
        f"endpoint_url = {server.endpoint}\ns3 =\n  addressing_style = path\n"
        "[default]\nregion = ap-south-1\n"
    )
    (profiles / "credentials").write_text(
        f"[dev]\naws_access_key_id = {server.access_key}\n"
        f"aws_secret_access_key = {server.secret_key}\n"
    )
    assert s3native.Client().config.region == "ap-south-1"
    client = s3native.Client(profile="dev", region="us-east-1")
    config = client.config
    assert (config.endpoint, config.max_attempts) == (server.endpoint, 5)
    assert config.sources["max_attempts"] == "profile dev"
    assert config.sources["region"] == "argument"
    assert config.credentials == "profile"
    client.put(f"s3://{bucket}/key", b"with the profile's credentials")
    assert bytes(client.get(f"s3://{bucket}/key")) == b"with the profile's credentials"


def test_profile_from_the_environment(profiles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (profiles / "config").write_text("[profile dev]\nregion = eu-north-1\n")
    monkeypatch.setenv("AWS_PROFILE", "dev")
    config = s3native.Client().config
    assert (config.profile, config.region) == ("dev", "eu-north-1")
    assert config.sources["profile"] == "environment AWS_PROFILE"
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert s3native.Client().config.region == "us-west-2"


def test_service_section(profiles: Path) -> None:
    (profiles / "config").write_text(
        "[default]\nservices = local\nendpoint_url = http://everything:1\n"
        "[services local]\ns3 =\n  endpoint_url = http://only-s3:2\n"
    )
    assert s3native.Client().config.endpoint == "http://only-s3:2"


def test_missing_profile_names_the_files(profiles: Path) -> None:
    with pytest.raises(ValueError, match="nobody") as caught:
        s3native.Client(profile="nobody")
    assert str(profiles / "config") in str(caught.value)
    assert str(profiles / "credentials") in str(caught.value)


@pytest.mark.parametrize("file", ["config", "credentials"])
@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"[default]\nregion = us-east-1\n{SECRET}\n", 3),
        (f"[default\naws_secret_access_key = {SECRET}\n", 1),
        (f"aws_secret_access_key = {SECRET}\n", 1),
        (f"[default]\n\n# keys\naws_secret_access_key: {SECRET}\n", 4),
        (f"[default]\n= {SECRET}\n", 2),
    ],
    ids=["no setting", "open bracket", "no profile", "colon", "no name"],
)
def test_broken_profile_file_is_named_with_its_line(
    text: str, line: int, file: str, profiles: Path
) -> None:
    (profiles / file).write_text(text)
    with pytest.raises(ValueError, match=f"{profiles / file}.*{line}") as caught:
        s3native.Client()
    assert SECRET not in str(caught.value)


def test_region_of_an_amazon_endpoint() -> None:
    config = s3native.Client(endpoint="https://s3.eu-west-1.amazonaws.com").config
    assert (config.region, config.sources["region"]) == ("eu-west-1", "endpoint")
    config = s3native.Client(region="eu-central-1").config
    assert config.endpoint == "https://s3.eu-central-1.amazonaws.com"


def test_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "localhost,.internal,127.0.0.1")
    for host, expected in (
        ("127.0.0.1:9000", ""),
        ("store.internal", ""),
        ("example.com", "http://proxy:3128"),
    ):
        assert s3native.Client(endpoint=f"http://{host}").config.proxy == expected
    assert s3native.Client(endpoint="http://example.com", proxy="").config.proxy == ""


def test_secrets_are_masked() -> None:
    credentials = s3native.Credentials("AKIAIOSFODNN7EXAMPLE", SECRET, "token-" + SECRET)
    client = s3native.Client(
        endpoint="http://example.com", credentials=credentials, proxy=f"http://me:{SECRET}@proxy:1"
    )
    config = client.config
    assert config.credentials == "static ****MPLE"
    assert config.proxy == "http://***@proxy:1"
    for text in (repr(config), str(config), repr(client), repr(credentials), str(credentials)):
        assert SECRET not in text
        assert "AKIAIOSFODNN7" not in text


def test_stats_are_plain_numbers(client: s3native.Client) -> None:
    stats = client.stats()
    assert all(type(value) is int and value >= 0 for value in stats.values())
    assert {"operations", "requests", "retries", "failures", "bytes_received", "bytes_sent"} <= set(
        stats
    )
    assert {"memory_limit", "memory_reserved", "pool_in_use", "pool_idle"} <= set(stats)
