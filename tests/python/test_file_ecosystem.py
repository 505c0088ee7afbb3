"""Files of `open` in the hands of the standard library and of others'."""

from __future__ import annotations

import csv
import gzip
import io
import json
import pickle
import shutil
import tarfile
import wave
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import s3native
from content import content

DATA = content(3_000_001)


@pytest.fixture
def url(bucket: str) -> str:
    """Where nothing is yet."""
    return f"s3://{bucket}/object"


def test_json(client: s3native.Client, url: str) -> None:
    value = {"grüße": [1, 2.5, None, True, "日本"] * 1000}
    with client.open(url, "w") as file:
        json.dump(value, file, ensure_ascii=False)
    with client.open(url, "r") as file:
        assert json.load(file) == value
    assert json.load(client.open(url)) == value


def test_csv(client: s3native.Client, url: str) -> None:
    rows = [[str(i), f"a, {i}", 'quoted "ü"', "two\nlines"] for i in range(5000)]
    with client.open(url, "w", newline="") as file:
        csv.writer(file).writerows(rows)
    with client.open(url, "r", newline="") as file:
        assert list(csv.reader(file)) == rows


def test_gzip(client: s3native.Client, url: str) -> None:
    with client.open(url, "wb") as file, gzip.open(file, "wb", compresslevel=1) as zipped:
        zipped.write(DATA)
    with client.open(url) as file, gzip.open(file) as zipped:
        assert zipped.read(1000) == DATA[:1000]
        zipped.seek(2_000_000)
        assert zipped.read() == DATA[2_000_000:]
    with client.open(url) as file, gzip.open(file, "rt", encoding="latin-1") as text:
        assert text.read() == DATA.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zipfile(client: s3native.Client, url: str, compression: int) -> None:
    members = {f"folder/{i}": content(i * 10_000, seed=i) for i in range(20)}
    with client.open(url, "wb") as file, zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with client.open(url, access="random") as file, zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in reversed(archive.namelist())} == members
        with archive.open("folder/19") as member:
            member.seek(100_000)
            assert member.read() == members["folder/19"][100_000:]


def test_one_of_a_large_zipfile(client: s3native.Client, url: str) -> None:
    with client.open(url, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        for i in range(10):
            archive.writestr(f"{i}", content(2_000_000, seed=i))
    before = client.stats()["bytes_received"]
    with client.open(url, access="random") as file, zipfile.ZipFile(file) as archive:
        assert archive.open("5").read(1000) == content(2_000_000, seed=5)[:1000]
    assert client.stats()["bytes_received"] - before < 200_000


def test_zipfile_that_fails(client: s3native.Client, url: str) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        client.open(url, "wb") as file,
        zipfile.ZipFile(file, "w") as archive,
    ):
        archive.writestr("name", b"data")
        raise ZeroDivisionError
    with pytest.raises(s3native.NotFoundError):
        client.head(url)


@pytest.mark.parametrize(("write", "read"), [("w|", "r|"), ("w", "r"), ("w:gz", "r:gz")])
def test_tarfile(client: s3native.Client, url: str, write: Any, read: Any) -> None:
    members = {f"folder/{i}": content(i * 10_000, seed=i) for i in range(20)}
    with client.open(url, "wb") as file, tarfile.open(fileobj=file, mode=write) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    with client.open(url) as file, tarfile.open(fileobj=file, mode=read) as archive:
        found = {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]
    assert found == members
    if "|" not in read:
        with client.open(url) as file, tarfile.open(fileobj=file, mode=read) as archive:
            for name in ("folder/19", "folder/3"):
                assert archive.extractfile(name).read() == members[name]  # type: ignore[union-attr]


@pytest.mark.parametrize("order", ["C", "F"])
def test_numpy(client: s3native.Client, url: str, order: Any) -> None:
    array = np.asarray(np.random.default_rng(0).normal(size=(700, 500)), order=order)
    with client.open(url, "wb") as file:
        np.save(file, array)
    with client.open(url) as file:
        loaded = np.load(file)
    assert np.array_equal(loaded, array)
    assert loaded.flags.f_contiguous == array.flags.f_contiguous


def test_numpy_archives(client: s3native.Client, url: str) -> None:
    arrays = {"a": np.arange(100_000), "b": np.ones((50, 50), np.float32), "c": np.array("text")}
    for save in (np.savez, np.savez_compressed):
        with client.open(url, "wb") as file:
            save(file, **arrays)
        with client.open(url) as file, np.load(file) as loaded:
            assert sorted(loaded) == sorted(arrays)
            for name, array in arrays.items():
                assert np.array_equal(loaded[name], array)


def test_numpy_text(client: s3native.Client, url: str) -> None:
    array = np.arange(300.0).reshape(100, 3)
    with client.open(url, "w") as file:
        np.savetxt(file, array)
    assert np.array_equal(np.loadtxt(client.open(url, "r")), array)
    with client.open(url) as file:
        assert np.array_equal(np.genfromtxt(file), array)


def test_pickle(client: s3native.Client, url: str) -> None:
    values: list[Any] = [{"a": DATA}, [1, 2, 3], np.arange(200_000)]
    with client.open(url, "wb") as file:
        for value in values:
            pickle.dump(value, file, protocol=5)
    with client.open(url) as file:
        assert pickle.load(file) == values[0]
        assert pickle.load(file) == values[1]
        assert np.array_equal(pickle.load(file), values[2])
        with pytest.raises(EOFError):
            pickle.load(file)


def test_copyfileobj(client: s3native.Client, url: str, tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.write_bytes(DATA)
    with local.open("rb") as source, client.open(url, "wb") as target:
        shutil.copyfileobj(source, target)
    with client.open(url) as source, client.open(f"{url}-2", "wb") as target:
        shutil.copyfileobj(source, target, 10_000)
    with client.open(f"{url}-2") as source, local.open("wb") as target:
        shutil.copyfileobj(source, target)
    assert local.read_bytes() == DATA


def test_buffered_reader_around_it(client: s3native.Client, url: str) -> None:
    client.put(url, DATA)
    with io.BufferedReader(client.open(url), 5000) as file:
        assert file.read(10) == DATA[:10]
        assert file.readline() == io.BytesIO(DATA[10:]).readline()
        file.seek(-5, io.SEEK_END)
        assert file.read() == DATA[-5:]
    with io.TextIOWrapper(client.open(url), encoding="latin-1", newline="") as text:
        assert text.read() == DATA.decode("latin-1")


def test_wave(client: s3native.Client, url: str) -> None:
    samples = np.arange(50_000, dtype="<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(44_100)
        sound.writeframes(samples.tobytes())
    client.put(url, buffer.getvalue())
    with client.open(url) as file, wave.open(file) as sound:
        assert (sound.getnchannels(), sound.getframerate()) == (1, 44_100)
        sound.setpos(10_000)
        assert np.array_equal(np.frombuffer(sound.readframes(500), "<i2"), samples[10_000:10_500])
    with client.open(url, "wb") as file, wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 44_100, len(samples), "NONE", ""))
        sound.writeframes(samples.tobytes())
    assert bytes(client.get(url)) == buffer.getvalue()


def test_pyarrow_parquet(client: s3native.Client, url: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {f"column {i}": np.random.default_rng(i).normal(size=100_000) for i in range(6)}
    table = pyarrow.table(columns)
    with client.open(url, "wb") as file:
        parquet.write_table(table, file, row_group_size=20_000)
    with client.open(url, access="random") as file:
        assert parquet.read_table(file).equals(table)
    before = client.stats()["bytes_received"]
    with client.open(url, access="random") as file:
        opened = parquet.ParquetFile(file)
        assert opened.num_row_groups == 5
        part = opened.read_row_group(2, columns=["column 3"])
        assert np.array_equal(part["column 3"].to_numpy(), columns["column 3"][40_000:60_000])
    assert client.stats()["bytes_received"] - before < client.head(url).size / 4


def test_pyarrow_csv_and_ipc(client: s3native.Client, url: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    arrow_csv = pytest.importorskip("pyarrow.csv")
    table = pyarrow.table({"a": list(range(10_000)), "b": [f"text {i}" for i in range(10_000)]})
    with client.open(url, "wb") as file:
        arrow_csv.write_csv(table, file)
    with client.open(url) as file:
        assert arrow_csv.read_csv(file).equals(table)
    with client.open(url, "wb") as file, pyarrow.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    with client.open(url) as file, pyarrow.ipc.open_file(file) as reader:
        assert reader.read_all().equals(table)


def test_pandas(client: s3native.Client, url: str) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": range(10_000), "b": [f"text {i}" for i in range(10_000)]})
    for mode in ("wb", "w"):
        with client.open(url, mode) as file:
            frame.to_csv(file, index=False)
        for opened in (client.open(url), client.open(url, "r")):
            with opened as file:
                assert pandas.read_csv(file).equals(frame)
    with client.open(url) as file:
        chunks = list(pandas.read_csv(file, chunksize=1000))
    assert pandas.concat(chunks).equals(frame)


def test_pandas_parquet(client: s3native.Client, url: str) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame({"a": range(10_000), "b": np.arange(10_000) / 7})
    with client.open(url, "wb") as file:
        frame.to_parquet(file)
    with client.open(url) as file:
        assert pandas.read_parquet(file).equals(frame)
    with client.open(url) as file:
        assert list(pandas.read_parquet(file, columns=["b"]).columns) == ["b"]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_pillow(client: s3native.Client, url: str, kind: str) -> None:
    image_module = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
    buffer = io.BytesIO()
    image_module.fromarray(pixels).save(buffer, kind)
    client.put(url, buffer.getvalue())
    with client.open(url) as file, image_module.open(file) as image:
        assert np.array_equal(np.asarray(image), pixels)
    with client.open(url, "wb") as file:
        image_module.fromarray(pixels).save(file, "PNG")
    with client.open(url) as file, image_module.open(file) as image:
        assert np.array_equal(np.asarray(image), pixels)


def test_h5py(client: s3native.Client, url: str) -> None:
    h5py = pytest.importorskip("h5py")
    array = np.arange(200_000.0).reshape(400, 500)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as made:
        made.create_dataset("group/array", data=array, chunks=(40, 50))
    client.put(url, buffer.getvalue())
    with client.open(url, access="random") as file, h5py.File(file, "r") as opened:
        assert np.array_equal(opened["group/array"][80:120, 100:150], array[80:120, 100:150])
        assert np.array_equal(opened["group/array"][:], array)


def test_soundfile(client: s3native.Client, url: str) -> None:
    soundfile = pytest.importorskip("soundfile")
    samples = np.sin(np.arange(50_000) / 50).astype(np.float32)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 44_100, format="WAV", subtype="FLOAT")
    client.put(url, buffer.getvalue())
    with client.open(url) as file:
        loaded, rate = soundfile.read(file, dtype="float32")
    assert rate == 44_100
    assert np.array_equal(loaded, samples)
