"""Unsealings, and what they come to, as tables for people."""

from rich.console import RenderableType

from harbourlight import codes
from harbourlight.cli.tables import columns, details, moment, paged
from harbourlight.enums import name
from harbourlight.sealed.v1 import sealed_pb2 as plain
from harbourlight.triage.v1 import unsealing_pb2 as pb


def unsealing(found: pb.Unsealing) -> RenderableType:
    """One request."""
    code = name(pb.LegalBasis.DESCRIPTOR, found.legal_basis)
    basis = codes.legal_bases().get(code)
    return details(
        [
            ("Unsealing", found.unsealing_id),
            ("Number", str(found.number or "")),
            ("State", name(pb.UnsealingState.DESCRIPTOR, found.state)),
            ("Asked by", found.desk),
            ("Founded on", f"{code}: {basis.label} ({basis.source})" if basis else code),
            ("Custodians", " or ".join(filter(None, (found.custodian, found.alternate)))),
            ("Requested", moment(found.requested_at)),
            ("Ends", moment(found.ends_at)),
            ("Answered by", found.answered_by),
            ("Answered", moment(found.answered_at)),
            ("Refused for", name(pb.UnsealingRefusal.DESCRIPTOR, found.refusal)),
        ]
    )


def unsealings(page: pb.ListUnsealingsResponse | pb.ListMyUnsealingsResponse) -> RenderableType:
    """A page of requests."""
    table = columns(
        ["UNSEALING", "STATE", "CASE", "DESK", "FOUNDED ON", "REQUESTED", "ENDS"],
        (
            [
                one.unsealing.unsealing_id,
                name(pb.UnsealingState.DESCRIPTOR, one.unsealing.state),
                one.brief.handle,
                one.unsealing.desk,
                name(pb.LegalBasis.DESCRIPTOR, one.unsealing.legal_basis),
                moment(one.unsealing.requested_at),
                moment(one.unsealing.ends_at),
            ]
            for one in page.records
        ),
    )
    return paged(table, bool(page.records), "unsealing", page.next_page_token)


def identity(found: plain.Identity) -> RenderableType:
    """Who reports."""
    place = found.address
    town = f"{place.postal_code} {place.city}".strip()
    people = (
        ", ".join(filter(None, (one.name, one.function, one.email, one.phone)))
        for one in found.people
    )
    return details(
        [
            ("Name", found.name),
            ("Also", ", ".join(found.other_names)),
            ("Registered", f"{found.register} {found.registration_number}".strip()),
            ("Address", ", ".join(filter(None, (*place.lines, town, place.region, place.country)))),
            ("People", "\n".join(people)),
        ]
    )
