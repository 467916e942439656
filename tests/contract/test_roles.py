"""Every method as every role: who gets in, and what the others are told."""

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, empty_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from harbourlight import CaseKey
from harbourlight.options.v1 import options_pb2 as options
from shared import contract
from tests.contract import everything
from tests.contract.installation import Installation, Reached, Serve, token
from tests.contract.valid_requests import valid_request

ROLES = ["PUBLIC", "COMPANY", "AUTHORITY", "CUSTODIAN", "NGO", "OPERATOR"]
EVERY_METHOD = pytest.mark.parametrize(
    "method", everything.METHODS, ids=lambda method: method.full_name
)
EVERY_ROLE = pytest.mark.parametrize("role", ROLES)


def declared(method: MethodDescriptor) -> set[str]:
    """The roles of the method's option, by name, read without the code that enforces them."""
    access = method.GetOptions().Extensions[options.access]
    return {options.Role.Name(role).removeprefix("ROLE_") for role in access.roles}


def test_the_roles_are_those_that_the_contract_knows() -> None:
    names = {value.name.removeprefix("ROLE_") for value in options.Role.DESCRIPTOR.values}
    assert names == {*ROLES, "UNSPECIFIED"}


@EVERY_METHOD
async def test_a_role_gets_in_exactly_where_the_contract_names_it(
    installation: Installation, method: MethodDescriptor
) -> None:
    request = valid_request(method, installation.key.handle).SerializeToString()
    told = {}
    for role in ROLES:
        credentials = installation.credentials(role, everything.path(method), request)
        try:
            await installation.call(method, request, credentials)
        except grpc.aio.AioRpcError as refused:
            told[role] = refused.code().name
        else:
            told[role] = "OK"
    closed = dict.fromkeys(ROLES, "PERMISSION_DENIED") | {"PUBLIC": "UNAUTHENTICATED"}
    admitted = ROLES if "PUBLIC" in declared(method) else declared(method)
    assert told == closed | dict.fromkeys(admitted, "OK")
    assert installation.reached == [
        Reached(everything.path(method), options.Role.Value(f"ROLE_{role}"))
        for role in ROLES
        if role in admitted
    ]


@EVERY_METHOD
async def test_a_bad_credential_is_unauthenticated_whatever_the_method(
    installation: Installation, method: MethodDescriptor
) -> None:
    request = valid_request(method, installation.key.handle).SerializeToString()
    elsewhere = installation.key.sign_call("elsewhere", everything.path(method), request)
    for credential in ((("authorization", "Bearer no.such.token"),), elsewhere):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await installation.call(method, request, credential)
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert not installation.reached


@pytest.mark.parametrize("role", ["COMPANY", "PUBLIC", "UNSPECIFIED", "ADMIN", ""])
async def test_a_token_carries_none_but_the_roles_of_people(
    installation: Installation, role: str
) -> None:
    method = everything.METHODS[0]
    request = valid_request(method, installation.key.handle).SerializeToString()
    with pytest.raises(grpc.aio.AioRpcError, match="none that a token can carry") as refused:
        await installation.call(method, request, (("authorization", f"Bearer {token(role)}"),))
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "method",
    [method for method in everything.METHODS if "COMPANY" in declared(method)],
    ids=lambda method: method.full_name,
)
async def test_a_company_that_names_another_case_is_told_that_there_is_none(
    installation: Installation, method: MethodDescriptor
) -> None:
    request = valid_request(method, CaseKey.generate().handle).SerializeToString()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await installation.as_company(method, request)
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    assert not installation.reached


async def test_a_request_with_many_faults_is_refused_as_invalid(installation: Installation) -> None:
    method = contract.find_method("/harbourlight.remedy.v1.RemedyService/ProposePlan")
    assert method is not None
    request = contract.message_class(method.input_type)(items=[{}] * 50).SerializeToString()
    with pytest.raises(grpc.aio.AioRpcError, match="and 149 more") as refused:
        await installation.as_company(method, request)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_bytes_that_are_no_request_are_refused_as_invalid(installation: Installation) -> None:
    method = everything.METHODS[0]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await installation.as_company(method, b"\xff")
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_health_is_open_to_everybody(installation: Installation) -> None:
    stub = health_pb2_grpc.HealthStub(installation.channel)
    for name in ("", *(service.full_name for service in everything.SERVICES)):
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_is_open_to_everybody_and_lists_every_service(
    installation: Installation,
) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(installation.channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    stream = stub.ServerReflectionInfo(iter([asked]))
    answer = await stream.read()
    listed = {service.name for service in answer.list_services_response.service}
    assert listed >= {service.full_name for service in everything.SERVICES}
    stream.cancel()


UNDECLARED = "harbourlight.undeclared.v1.UndeclaredService"


def _undeclared_method() -> None:
    """Adds a service to the pool whose one method declares no roles."""
    file = descriptor_pb2.FileDescriptorProto(
        name="harbourlight/undeclared/v1/undeclared.proto",
        package="harbourlight.undeclared.v1",
        syntax="proto3",
        dependency=[empty_pb2.DESCRIPTOR.name],
        service=[
            descriptor_pb2.ServiceDescriptorProto(
                name="UndeclaredService",
                method=[
                    descriptor_pb2.MethodDescriptorProto(
                        name="Do",
                        input_type=".google.protobuf.Empty",
                        output_type=".google.protobuf.Empty",
                    )
                ],
            )
        ],
    )
    descriptor_pool.Default().Add(file)


_undeclared_method()


@EVERY_ROLE
@pytest.mark.parametrize("service", [UNDECLARED, "harbourlight.unknown.v1.UnknownService"])
async def test_a_method_that_declares_nothing_is_nobodys(
    serve: Serve, role: str, service: str
) -> None:
    reached = []

    async def do(request: Message, call: object) -> Message:
        reached.append(call)
        return empty_pb2.Empty()

    def add(server: grpc.aio.Server) -> None:
        handler = grpc.unary_unary_rpc_method_handler(do)
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(service, {"Do": handler})]
        )

    installation = await serve([(service, add)])
    path = f"/{service}/Do"
    with pytest.raises(grpc.aio.AioRpcError, match="open to nobody") as refused:
        await installation.channel.unary_unary(path)(
            b"", metadata=installation.credentials(role, path, b"")
        )
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert not reached
