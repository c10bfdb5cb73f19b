"""Whatever is done to the files of a log is found, and the first line that is not as it was is named."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from contracts.layout import audit_folder
from contracts.settings import Paths, Settings
from lakehouse.audit.verify import verify
from tests.examples import examples
from tests.lakehouse.audit.conftest import Process, lines_of, raw_lines

Place = tuple[str, int]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Three chains of three days, with restarts, crashes, and a process that died in the middle of a line."""
    settings = Settings(paths=Paths(data=str(tmp_path_factory.mktemp("audit") / "data")))
    Process(settings, "api").write(4).die()
    Process(settings, "driver").write(2).end()
    Process(settings, "api").write(3).die(b'{"action":"api.query","at":"2026-03-05T')
    Process(settings, "api").write(3).write(5, day=1).die(b"{")
    Process(settings, "driver").write(3, day=1).write(2, day=2).end()
    Process(settings, "api").write(4, day=2).end()
    for _ in range(3):
        Process(settings, "dp").write(1, day=2).end()
    assert verify(settings).right
    return settings


def copy_of(written: Settings, root: Path) -> Settings:
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(written.data_root, root)
    return Settings(paths=Paths(data=str(root)))


def content(settings: Settings) -> dict[str, list[bytes]]:
    """File → its lines."""
    root = audit_folder(settings)
    return {str(path.relative_to(root)): raw_lines(path) for path in lines_of(settings)}


def put(settings: Settings, lines: dict[str, list[bytes]]) -> None:
    root = audit_folder(settings)
    for path in lines_of(settings):
        path.unlink()
    for name, of_file in lines.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"".join(of_file))


def first_difference(before: dict[str, list[bytes]], after: dict[str, list[bytes]], chain: str) -> set[Place]:
    """Where a chain is first not as it was. Of a file that is gone as a whole nobody knows how many others
    are gone with it: any of them may be named, the end of the one before, or the name that it has now."""
    names = sorted(name for name in {*before, *after} if name.endswith(f"/{chain}.jsonl"))
    for index, name in enumerate(names):
        old, new = before.get(name), after.get(name)
        if old is None:
            return {(name, 1)}
        if new is None:
            gone = [other for other in names[index:] if other not in after]
            end = {(names[index - 1], len(after[names[index - 1]]) + 1)} if index else set()
            return {(other, 1) for other in [*gone, *(set(names) - set(before))]} | end
        for number, (one, other) in enumerate(zip(old, new, strict=False), start=1):
            if one != other:
                return {(name, number)}
        if len(old) != len(new):
            # The line that is missing, or the one that is too many.
            return {(name, min(len(old), len(new)) + 1)}
    return set()


Tampering = Callable[[dict[str, list[bytes]], random.Random], None]


def _file(lines: dict[str, list[bytes]], chance: random.Random) -> str:
    return chance.choice(sorted(name for name in lines if lines[name]))


def change_a_byte(lines: dict[str, list[bytes]], chance: random.Random) -> None:
    of_file = lines[_file(lines, chance)]
    number = chance.randrange(len(of_file))
    line = bytearray(of_file[number])
    line[chance.randrange(len(line))] ^= 1 << chance.randrange(8)
    of_file[number] = bytes(line)


def change_a_value(lines: dict[str, list[bytes]], chance: random.Random) -> None:
    of_file = lines[_file(lines, chance)]
    number = chance.randrange(len(of_file))
    of_file[number] = of_file[number].replace(b"alice", b"mallory").replace(b'"seq":', b'"seq":1')


def delete_lines(lines: dict[str, list[bytes]], chance: random.Random) -> None:
    of_file = lines[_file(lines, chance)]
    start = chance.randrange(len(of_file))
    del of_file[start : start + chance.randint(1, 3)]


def insert_a_line(lines: dict[str, list[bytes]], chance: random.Random) -> None:
    of_file = lines[_file(lines, chance)]
    every = [line for others in lines.values() for line in others]
    forged = b'{"action":"api.query","seq":3,"hash":"%b"}\n' % (b"0" * 64)
    line = chance.choice([chance.choice(every), forged, b"\n", b"x\n"])
    of_file.insert(chance.randint(0, len(of_file)), line if line.endswith(b"\n") else line + b"\n")


def swap_lines(lines: dict[str, list[bytes]], chance: random.Random) -> None:
    of_file, other = lines[_file(lines, chance)], lines[_file(lines, chance)]
    one, two = chance.randrange(len(of_file)), chance.randrange(len(other))
    of_file[one], other[two] = other[two], of_file[one]


def truncate_at_a_line(lines: dict[str, list[bytes]], chance: random.Random) -> None:
    of_file = lines[_file(lines, chance)]
    del of_file[chance.randrange(len(of_file)) :]


def truncate_at_a_byte(lines: dict[str, list[bytes]], chance: random.Random) -> None:
    of_file = lines[_file(lines, chance)]
    whole = b"".join(of_file)
    of_file[:] = whole[: chance.randrange(len(whole))].splitlines(keepends=True)


def truncate_the_end(lines: dict[str, list[bytes]], chance: random.Random) -> None:
    """Of one chain: what is easiest to do and hardest to see."""
    chain = _file(lines, chance).rpartition("/")[2]
    of_file = lines[max(name for name in lines if name.endswith(f"/{chain}"))]
    del of_file[-chance.randint(1, max(len(of_file), 1)) :]


def remove_a_file(lines: dict[str, list[bytes]], chance: random.Random) -> None:
    del lines[_file(lines, chance)]


def remove_a_chain(lines: dict[str, list[bytes]], chance: random.Random) -> None:
    chain = _file(lines, chance).rpartition("/")[2]
    for name in [name for name in lines if name.endswith(f"/{chain}")]:
        del lines[name]


def rename_a_file(lines: dict[str, list[bytes]], chance: random.Random) -> None:
    name = _file(lines, chance)
    day, _, chain = name.partition("/")
    lines[f"{day[:-2]}{chance.randint(10, 28)}/{chain}"] = lines.pop(name)


def move_the_end_to_the_next_file(lines: dict[str, list[bytes]], chance: random.Random) -> None:
    name = _file(lines, chance)
    of_file = lines[name]
    later = sorted(other for other in lines if other.endswith(name[10:]) and other > name)
    moved = [of_file.pop()]
    if later:
        lines[later[0]][:0] = moved


def give_a_file_to_another_chain(lines: dict[str, list[bytes]], chance: random.Random) -> None:
    name = _file(lines, chance)
    lines[f"{name.partition('/')[0]}/{chance.choice(['api', 'driver', 'forged'])}.jsonl"] = list(lines[name])


TAMPERINGS: list[Tampering] = [
    change_a_byte,
    change_a_value,
    delete_lines,
    insert_a_line,
    swap_lines,
    truncate_at_a_line,
    truncate_at_a_byte,
    truncate_the_end,
    remove_a_file,
    remove_a_chain,
    rename_a_file,
    move_the_end_to_the_next_file,
    give_a_file_to_another_chain,
]


@given(seed=st.integers(0, 2**32), done=st.lists(st.sampled_from(TAMPERINGS), min_size=1, max_size=2))
@how(max_examples=examples(300))
def test_any_tampering_is_found_and_its_first_line_named(
    written: Settings, tmp_path_factory: pytest.TempPathFactory, seed: int, done: list[Tampering]
) -> None:
    settings = copy_of(written, tmp_path_factory.getbasetemp() / "tampered")
    before, after = content(settings), content(settings)
    chance = random.Random(seed)
    for tampering in done:
        if any(after.values()):
            tampering(after, chance)
    put(settings, after)
    after = content(settings)
    report = verify(settings)
    assert report.right == (before == after)
    named = {(fault.file, fault.line) for fault in report.faults}
    chains = {name.rpartition("/")[2].removesuffix(".jsonl") for name in {*before, *after}}
    expected = {chain: first_difference(before, after, chain) for chain in chains}
    for chain, places in expected.items():
        of_chain = {place for place in named if place[0].endswith(f"/{chain}.jsonl")}
        assert bool(of_chain) == bool(places), (chain, report.faults)
        if len(done) == 1:  # what one hides of another nobody can tell
            assert of_chain <= places, (chain, places, report.faults)


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_each_kind_of_tampering_is_tried(tampering: Tampering, written: Settings) -> None:
    changed = content(written)
    tampering(changed, random.Random(1))
    assert changed != content(written)


def test_a_whole_log_that_is_removed_is_missed(written: Settings, tmp_path: Path) -> None:
    settings = copy_of(written, tmp_path / "data")
    shutil.rmtree(audit_folder(settings))
    assert {fault.kind for fault in verify(settings).faults} == {"truncated"}
    assert len(verify(settings).faults) == 3


def test_an_older_copy_put_back_is_found(written: Settings, tmp_path: Path) -> None:
    settings = copy_of(written, tmp_path / "data")
    older = tmp_path / "older"
    shutil.copytree(audit_folder(settings), older)
    Process(settings, "api").write(2, day=2).end()
    shutil.rmtree(audit_folder(settings))
    shutil.copytree(older, audit_folder(settings))
    (fault,) = verify(settings).faults
    assert (fault.file, fault.kind) == ("2026-03-07/api.jsonl", "truncated")


def test_who_has_the_key_is_found_by_a_report_that_was_kept(written: Settings, tmp_path: Path) -> None:
    """Everything, heads included, is put back, and other lines are written instead."""
    settings = copy_of(written, tmp_path / "data")
    Process(settings, "api").write(2, day=2).end()
    report = verify(settings)
    settings = copy_of(written, tmp_path / "data")
    (fault,) = verify(settings, report).faults
    assert (fault.file, fault.kind) == ("2026-03-07/api.jsonl", "truncated")
    Process(settings, "api").write(3, day=2).end()
    (fault,) = verify(settings, report).faults
    assert (fault.file, fault.kind) == ("2026-03-07/api.jsonl", "rolled back")
    assert verify(settings, verify(settings)).right


def test_a_chain_put_back_with_its_head_is_missed_by_the_others(written: Settings, tmp_path: Path) -> None:
    settings = copy_of(written, tmp_path / "data")
    older = copy_of(written, tmp_path / "older")
    Process(settings, "api").write(2, day=2).end()
    Process(settings, "driver").write(1, day=2).end()
    for name in ("audit/2026-03-07/api.jsonl", "secrets/audit-heads/api.head"):
        shutil.copy(older.data_root / name, settings.data_root / name)
    (fault,) = verify(settings).faults
    assert (fault.file, fault.kind) == ("api", "rolled back")


def test_without_its_head_a_chain_is_not_believed(written: Settings, tmp_path: Path) -> None:
    settings = copy_of(written, tmp_path / "data")
    (settings.data_root / "secrets/audit-heads/api.head").unlink()
    (fault,) = verify(settings).faults
    assert (fault.file, fault.kind) == ("2026-03-05/api.jsonl", "lost head")


def test_tampering_stays_found_when_the_service_goes_on(written: Settings, tmp_path: Path) -> None:
    for tampering in (truncate_the_end, change_a_byte, insert_a_line, remove_a_chain):
        for seed in range(5):
            settings = copy_of(written, tmp_path / "data")
            lines = content(settings)
            tampering(lines, random.Random(seed))
            put(settings, lines)
            if lines == content(written):
                continue
            before = verify(settings).faults
            for chain in ("api", "driver", "dp"):
                Process(settings, chain).write(2, day=2).end()
            after = {(fault.file, fault.line) for fault in verify(settings).faults}
            assert {(fault.file, fault.line) for fault in before} == after or tampering is remove_a_chain
            assert after
