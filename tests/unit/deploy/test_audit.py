"""What is made of the tools' answers; the tools themselves run in `make check`."""

from deploy import audit


def package(name: str, *ids: str) -> dict[str, object]:
    return {
        "name": name,
        "version": "1.0",
        "vulns": [{"id": one, "fix_versions": ["1.1"]} for one in ids],
    }


NOT_THERE = {"name": "x", "skip_reason": "not found"}


def test_what_is_known_is_named_with_its_remedy() -> None:
    said, found = audit.summary([package("a"), package("b", "CVE-1", "CVE-2"), NOT_THERE])
    assert said == "2 in 2 packages; 1 are not in the database"
    assert found == ["b 1.0: CVE-1, fixed in 1.1", "b 1.0: CVE-2, fixed in 1.1"]


def test_without_a_database_nothing_is_claimed() -> None:
    for packages in ([], [NOT_THERE]):
        said, found = audit.summary(packages)
        assert "not looked up" in said
        assert found == []


def test_each_jar_of_the_lock_is_a_component() -> None:
    lock = audit._JARS.read_text()
    found = audit.jars(lock)
    assert len(found) == len(lock.splitlines())
    kafka = next(one for one in found if one["name"] == "kafka-clients")
    assert kafka["purl"].startswith("pkg:maven/org.apache.kafka/kafka-clients@")
    assert len(kafka["hashes"][0]["content"]) == 64
