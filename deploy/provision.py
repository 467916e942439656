"""Makes on running servers what the services need, and can be repeated.

    python -m deploy.provision

On PostgreSQL a database with a role and a schema per service, on Kafka the topics, users and
grants of `deploy.topology`. It reads HARBOURLIGHT_ADMIN_DATABASE_URL, HARBOURLIGHT_KAFKA, its
_USERNAME and _PASSWORD (an administrator's), and HARBOURLIGHT_PASSWORD_<NAME>, one per principal.
"""

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka.errors import KafkaError, TopicAlreadyExistsError

from deploy import topology
from deploy.topology import Grant, Topic
