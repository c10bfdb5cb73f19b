"""`dp acls`: the rights that the platform needs at a Kafka of one's own, and whether it has them."""

from __future__ import annotations

import click

from contracts.configuration import Resolved
from contracts.errors import DependencyError


@click.command(
    "acls",
    epilog="""\b
Examples:
  dp acls                                kafka-acls.sh commands for the user of the settings
  dp acls --principal User:CN=dp-client  … for another
  dp acls --topics                       kafka-topics.sh commands that make the topics as declared
  dp acls --check                        asks the broker what is missing""",
)
@click.option("--principal", help="Who gets the rights; `User:` and kafka.sasl_username by default.")
@click.option("--topics", is_flag=True, help="Commands that make the topics instead.")
@click.option("--check", is_flag=True, help="Ask the broker instead; exit code 3 where a right is missing.")
@click.pass_obj
def command(resolved: Resolved, principal: str | None, topics: bool, check: bool) -> None:
    """Print the Kafka ACLs that the platform needs, least privilege, as commands for an administrator.

    They are derived from the declared topics and groups. `admin.properties` is the administrator's own.
    """
    from kafka_cluster import access, reachability

    settings = resolved.settings
    if check:
        reachability.require_broker(settings)
        lacking = access.missing(settings, access.grants(settings))
        for grant in lacking:
            needed = f"{grant.needed_by}{', optional' if grant.optional else ''}"
            click.echo(f"missing: {grant.kind} {grant.name}: {', '.join(grant.operations)} ({needed})")
        needed_ones = [grant for grant in lacking if not grant.optional]
        if needed_ones:
            raise DependencyError(f"{len(needed_ones)} rights are missing at {settings.bootstrap_servers}")
        click.echo(f"all rights that are needed are given at {settings.bootstrap_servers}")
        return
    owner = principal or f"User:{settings.kafka.sasl_username or 'ANONYMOUS'}"
    for line in access.topic_commands(settings) if topics else access.acl_commands(settings, owner):
        click.echo(line)
