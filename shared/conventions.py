"""Names in traces and figures: OpenTelemetry's semantic conventions, and our own.

What a figure may be told apart by is listed here, and nothing in it identifies a case, a company or
a caller: figures are kept for long, and seen by many.
"""

# Of the conventions for remote calls and for messaging.
RPC_SYSTEM = "rpc.system.name"
RPC_METHOD = "rpc.method"
RPC_STATUS = "rpc.response.status_code"
MESSAGING_SYSTEM = "messaging.system"
MESSAGING_OPERATION_NAME = "messaging.operation.name"
MESSAGING_OPERATION_TYPE = "messaging.operation.type"
MESSAGING_DESTINATION = "messaging.destination.name"
MESSAGING_MESSAGE_ID = "messaging.message.id"
MESSAGING_BATCH_COUNT = "messaging.batch.message_count"
MESSAGING_CONSUMER_GROUP = "messaging.consumer.group.name"
RPC_SERVER_DURATION = "rpc.server.call.duration"
MESSAGING_PROCESS_DURATION = "messaging.process.duration"
MESSAGING_CONSUMED = "messaging.client.consumed.messages"
MESSAGING_SENT = "messaging.client.sent.messages"

# Our own.
CASE = "harbourlight.case"
"""In traces alone."""
EVENT_TYPE = "harbourlight.event.type"
REASON = "harbourlight.reason"
"""Why an event is parked: gap, not_yet, failed or poison."""
SERVICE = "harbourlight.service"
STREAMS = "harbourlight.server.streams"
LAG = "harbourlight.consumer.lag"
OUTBOX_UNSENT = "harbourlight.outbox.unsent"
OUTBOX_AGE = "harbourlight.outbox.age"
PARKED = "harbourlight.inbox.parked"
RELAY_ACTIVE = "harbourlight.relay.active"

FIGURE_ATTRIBUTES = frozenset(
    {
        RPC_SYSTEM,
        RPC_METHOD,
        RPC_STATUS,
        MESSAGING_SYSTEM,
        MESSAGING_OPERATION_NAME,
        MESSAGING_OPERATION_TYPE,
        MESSAGING_DESTINATION,
        MESSAGING_CONSUMER_GROUP,
        EVENT_TYPE,
        REASON,
        SERVICE,
    }
)
"""All that a figure may be told apart by."""
