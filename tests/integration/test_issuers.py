"""People from an OpenID Connect issuer: a real one, over TLS, in a process of its own."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.certificates import Authority
from deploy.embedded.bootstrap import ROOT
from harbourlight.options.v1 import options_pb2 as options
from shared import issuers
from shared.callers import Caller, Callers
from shared.errors import Refusal
from shared.issuers import BadIssuers, IssuerKeys, read_issuers
from shared.tls import client_context
from tests.integration.installation import ORIGIN, Installation
from tests.integration.waiting import eventually

KEYS: dict[str, Any] = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": rsa.generate_private_key(65537, 2048),
    "EdDSA": Ed25519PrivateKey.generate(),
}
SMALL = rsa.generate_private_key(65537, 1024)
METHOD = "/package.Service/Method"


def jwk(key_id: str, key: Any, algorithm: str) -> dict[str, Any]:
    kinds: dict[str, Any] = {
        "ES256": jwt.algorithms.ECAlgorithm,
        "RS256": jwt.algorithms.RSAAlgorithm,
        "EdDSA": jwt.algorithms.OKPAlgorithm,
    }
    public = json.loads(kinds[algorithm].to_jwk(key.public_key()))
    return {**public, "kid": key_id, "alg": algorithm, "use": "sig"}


class Site:
    """The issuer's files, and what it was asked."""

    def __init__(self, folder: Path, ca: Path) -> None:
        self.folder = folder
        self.ca = ca

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{(self.folder / 'port').read_text()}"

    @property
    def asked(self) -> list[str]:
        path = self.folder / "asked"
        return path.read_text().splitlines() if path.exists() else []

    def publish(self, *keys: dict[str, Any], **configuration: Any) -> None:
        found = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **configuration}
        (self.folder / "configuration").write_text(json.dumps(found))
        (self.folder / "keys").write_text(json.dumps({"keys": keys}))

    def entry(self, **changes: Any) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "organisations": ["inspectorate"],
            "roles": ["AUTHORITY"],
            "jurisdictions": ["MY", "TH"],
            "desks": ["*"],
            **changes,
        }

    def listed(self, *entries: dict[str, Any]) -> Path:
        path = self.folder / "issuers.json"
        path.write_text(json.dumps(list(entries or [self.entry()])))
        return path

    def callers(self, **given: Any) -> Callers:
        context = client_context(self.ca)
        found = [IssuerKeys(one, context) for one in read_issuers(self.listed())]
        return Callers(ORIGIN, None, found, **given)

    def token(self, algorithm: str = "ES256", key: Any = None, **changed: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": "harbourlight",
            "sub": "officer",
            "iat": now,
            "exp": now + 600,
            "role": "AUTHORITY",
            "org": "inspectorate",
            "jurisdictions": ["MY"],
            "desks": ["POLICE"],
        }
        headers = {"kid": changed.pop("kid", algorithm)}
        signing = key or KEYS[algorithm]
        return jwt.encode({**claims, **changed}, signing, algorithm=algorithm, headers=headers)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    authority = Authority(tmp_path / "tls")
    pair = authority.pair("issuer")
    folder = tmp_path / "issuer"
    folder.mkdir()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.programs.issuer", str(folder)),
        *(str(pair.certificate), str(pair.key)),
        cwd=ROOT,
    )

    async def listens() -> bool:
        return (folder / "port").exists()

    try:
        await eventually(listens)
        site = Site(folder, authority.certificate)
        site.publish(*(jwk(name, key, name) for name, key in KEYS.items()))
        yield site
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def identified(callers: Callers, token: str) -> Caller:
    metadata = {"authorization": f"Bearer {token}"}
    await callers.learn(metadata)
    return callers.identify(METHOD, metadata, b"")


async def refused(callers: Callers, token: str) -> str:
    with pytest.raises(Refusal) as found:
        await identified(callers, token)
    return found.value.message


@pytest.mark.parametrize("algorithm", KEYS)
async def test_a_token_of_the_issuer_says_who_its_bearer_is(site: Site, algorithm: str) -> None:
    caller = await identified(site.callers(), site.token(algorithm))
    assert (caller.role, caller.organisation) == (options.ROLE_AUTHORITY, "inspectorate")
    assert (caller.jurisdictions, caller.desks) == ({"MY"}, {"POLICE"})


async def test_keys_are_asked_for_once(site: Site) -> None:
    callers = site.callers()
    await asyncio.gather(*(identified(callers, site.token()) for _ in range(20)))
    await identified(callers, site.token("RS256"))
    assert site.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_a_new_key_counts_at_once_and_a_withdrawn_one_no_more(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers = site.callers()
    await identified(callers, site.token())
    new = ec.generate_private_key(ec.SECP256R1())
    site.publish(jwk("new", new, "ES256"))
    monkeypatch.setattr(issuers, "HURRY_SECONDS", 0.0)
    await identified(callers, site.token(key=new, kid="new"))
    assert "is not among those of its issuer" in await refused(callers, site.token())


async def test_keys_are_looked_at_again_while_they_are_used(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers = site.callers()
    await identified(callers, site.token())
    site.publish(jwk("RS256", KEYS["RS256"], "RS256"))
    monkeypatch.setattr(issuers, "REFRESH_SECONDS", 0.0)

    async def is_withdrawn() -> bool:
        try:
            await identified(callers, site.token())
        except Refusal:
            return True
        return False

    await eventually(is_withdrawn)


async def test_made_up_keys_do_not_make_us_ask_and_ask(site: Site) -> None:
    callers = site.callers()
    for number in range(20):
        await refused(callers, site.token(kid=str(number)))
    assert len(site.asked) == 2


async def test_without_the_issuer_its_keys_count_for_a_while(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers = site.callers()
    await identified(callers, site.token())
    (site.folder / "redirect").write_text(f"{site.url}/keys")
    monkeypatch.setattr(issuers, "REFRESH_SECONDS", 0.0)
    await identified(callers, site.token())
    monkeypatch.setattr(issuers, "STALE_SECONDS", -1.0)
    assert "cannot be asked for keys" in await refused(callers, site.token())


async def test_an_answer_that_is_not_its_own_gives_no_keys(site: Site) -> None:
    keys = [jwk("ES256", KEYS["ES256"], "ES256")]
    for wrong in (
        {"issuer": "https://elsewhere.example"},
        {"jwks_uri": site.url.replace("https", "http") + "/keys"},
        {"jwks_uri": None},
        {"padding": "x" * 300_000},
    ):
        site.publish(*keys, **wrong)
        assert "not" in await refused(site.callers(), site.token())
    site.publish()
    await refused(site.callers(), site.token())
    site.publish(*keys)
    await identified(site.callers(), site.token())
    (site.folder / "redirect").write_text(f"{site.url}/keys")
    await refused(site.callers(), site.token())


async def test_an_issuer_with_a_certificate_of_others_is_not_believed(
    site: Site, tmp_path: Path
) -> None:
    site.ca = Authority(tmp_path / "others").certificate
    await refused(site.callers(), site.token())
    assert site.asked == []


@pytest.mark.parametrize(
    "more",
    [
        {"role": "OPERATOR"},
        {"role": "COMPANY"},
        {"org": "another"},
        {"org": None},
        {"jurisdictions": ["MY", "IT"]},
        {"jurisdictions": ["*"]},
        {"aud": "elsewhere"},
        {"exp": 1},
        {"iss": "https://elsewhere.example"},
    ],
    ids=str,
)
async def test_it_says_no_more_than_it_may(site: Site, more: dict[str, Any]) -> None:
    callers = site.callers()
    assert "the token is not accepted" in await refused(callers, site.token(**more))
    await identified(callers, site.token(jurisdictions=["MY", "TH"]))


async def test_how_long_a_token_may_live_is_set(site: Site) -> None:
    token = site.token(exp=int(time.time()) + 20 * 3600)
    assert "12 h are the most" in await refused(site.callers(), token)
    await identified(site.callers(most_hours=24.0), token)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_a_key_is_for_its_own_algorithm(site: Site) -> None:
    callers = site.callers()
    # What everybody knows of the key, as the secret of a symmetric signature.
    secret = jwk("ES256", KEYS["ES256"], "ES256")["x"]
    now = int(time.time())
    forged = jwt.encode(
        {"iss": site.url, "aud": "harbourlight", "sub": "x", "iat": now, "exp": now + 60},
        secret,
        algorithm="HS256",
        headers={"kid": "ES256"},
    )
    assert "not accepted" in await refused(callers, forged)
    assert "not accepted" in await refused(callers, site.token("RS256", kid="ES256"))
    site.publish(jwk("small", SMALL, "RS256"), jwk("ES256", KEYS["ES256"], "ES256"))
    small = site.token("RS256", key=SMALL, kid="small")
    assert "is not among those" in await refused(site.callers(), small)


async def test_the_key_file_does_not_speak_for_an_issuers_organisation(
    site: Site, tmp_path: Path
) -> None:
    key = Ed25519PrivateKey.generate()
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [jwk("file", key, "EdDSA")]}))
    found = [IssuerKeys(one, client_context(site.ca)) for one in read_issuers(site.listed())]
    callers = Callers(ORIGIN, file, found)
    token = site.token("EdDSA", key=key, kid="file", iss=ORIGIN)
    assert "another issuer speaks for" in await refused(callers, token)
    await identified(callers, site.token("EdDSA", key=key, kid="file", iss=ORIGIN, org="other"))


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "http://login.example"},
        {"organisations": []},
        {"organisations": ["*"]},
        {"roles": []},
        {"roles": "AUTHORITY"},
        {"desks": "POLICE"},
        {"issuer": None},
    ],
    ids=str,
)
async def test_a_list_that_says_too_little_or_too_much_is_refused(
    site: Site, changed: dict[str, Any]
) -> None:
    with pytest.raises(BadIssuers):
        read_issuers(site.listed(site.entry(**changed)))


async def test_an_organisation_has_one_issuer(site: Site) -> None:
    with pytest.raises(BadIssuers, match="more than once"):
        read_issuers(site.listed(site.entry(), site.entry(issuer="https://other.example")))


async def test_an_officer_of_an_issuer_works_with_a_real_service(
    site: Site, installation: Installation
) -> None:
    settings = {
        "HARBOURLIGHT_OIDC_ISSUERS": str(site.listed()),
        "HARBOURLIGHT_OIDC_CA": str(site.ca),
    }
    service = await installation.run("triage", settings=settings)
    await service.said("serving on port")
    async with installation.channel("triage") as channel:
        list_queue = channel.unary_unary("/harbourlight.triage.v1.TriageService/ListQueue")

        async def ask(token: str) -> bytes:
            return bytes(await list_queue(b"", metadata=(("authorization", f"Bearer {token}"),)))

        assert await ask(site.token("RS256")) == b""
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await ask(site.token(role="NGO"))
        assert error.value.code() == grpc.StatusCode.UNAUTHENTICATED
