"""Plugins: nothing takes another's place unnoticed, and what cannot be imported is a wrong configuration."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from pipeline import plugins
from pipeline.plugins import Offers
from pipeline.transform_new import MODULE
from schemas.outcomes import ConfigError


def text(name: str, cls: str = "Verb", privacy: bool = False) -> str:
    module = MODULE.format(name=name, cls=cls, title="T")
    return module.replace(f'    name = "{name}"\n', f'    name = "{name}"\n    privacy = {privacy}\n')


def written(path: Path, content: str) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    return str(path)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of modules; each offers `Verb` under its name up to two underscores."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)

    def found(group: str) -> list[EntryPoint]:
        modules = sorted(path.stem for path in folder.glob("*.py"))
        return [EntryPoint(module.partition("__")[0], f"{module}:Verb", group) for module in modules]

    monkeypatch.setattr(plugins, "entry_points", found)
    yield folder
    for path in folder.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_two_files_may_not_define_one_name(tmp_path: Path) -> None:
    files = [written(tmp_path / file, text("verb")) for file in ("a.py", "b.py")]

    with pytest.raises(ConfigError, match=r"two transformations 'verb' in `plugins`, in .*a\.py and .*b\.py"):
        Offers(files)


def test_one_class_under_two_names_is_one(tmp_path: Path) -> None:
    file = written(tmp_path / "a.py", text("verb") + "\nAlias = Verb\n")

    assert Offers([file]).names_of(file) == ["verb"]


def test_two_packages_may_not_offer_one_name(packages: Path) -> None:
    for module in ("verb__one", "verb__two"):
        written(packages / f"{module}.py", text("verb"))

    with pytest.raises(ConfigError, match="two transformations 'verb', of the packages verb__one and verb__two"):
        Offers([]).find("verb")


def test_a_file_takes_the_place_of_what_protects_privacy_only_if_it_does_too(tmp_path: Path) -> None:
    file = tmp_path / "a.py"

    with pytest.raises(ConfigError, match=r"'anonymize_ip' of .* takes the place of what protects privacy"):
        Offers([written(file, text("anonymize_ip"))])

    found = Offers([written(file, text("anonymize_ip", privacy=True))]).find("anonymize_ip")
    assert found is not None
    assert found.origin == str(file)


def test_a_package_takes_the_place_of_what_protects_privacy_only_if_it_does_too(packages: Path) -> None:
    written(packages / "anonymize_ip.py", text("anonymize_ip"))
    written(packages / "hash_properties.py", text("hash_properties", privacy=True))
    offers = Offers([])

    with pytest.raises(ConfigError, match="'anonymize_ip' of anonymize_ip takes the place of what protects privacy"):
        offers.find("anonymize_ip")

    found = offers.find("hash_properties")
    assert found is not None
    assert found.origin == "hash_properties"


def test_a_file_does_not_hide_a_package_that_protects_privacy(packages: Path, tmp_path: Path) -> None:
    written(packages / "verb.py", text("verb", privacy=True))

    with pytest.raises(ConfigError, match=r"takes the place of what protects privacy \(verb\)"):
        Offers([written(tmp_path / "a.py", text("verb"))])


def test_files_of_one_name_in_two_folders_are_two_modules(tmp_path: Path) -> None:
    files = [written(tmp_path / name / "plugin.py", text(name)) for name in ("one", "two")]
    offers = Offers(files)

    found = [offers.find(name) for name in ("one", "two")]

    modules = {offered.kind.__module__ for offered in found if offered}
    assert len(modules) == 2
    assert modules <= set(sys.modules)


def test_a_file_or_package_that_exits_is_a_wrong_configuration(packages: Path, tmp_path: Path) -> None:
    exits = "import sys\nsys.exit(3)\n"
    written(packages / "verb.py", exits)

    with pytest.raises(ConfigError, match=r"exits\.py cannot be imported: SystemExit\(3\)"):
        Offers([written(tmp_path / "exits.py", exits)])
    with pytest.raises(ConfigError, match="'verb' of verb cannot be imported"):
        Offers([]).find("verb")
    assert not [name for name in sys.modules if name.startswith("headrace_plugin_exits_")]


def test_a_config_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the `Config` of Verb .* is no TransformConfig"):
        Offers([written(tmp_path / "a.py", text("verb").replace("    Config = Config", "    Config = dict"))])


def test_packages_are_looked_for_only_when_a_name_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(plugins, "entry_points", lambda group: asked.append(group) or [])

    offers = Offers([])
    assert asked == []

    offers.find("verb")
    offers.names()
    assert asked == [plugins.GROUP]
