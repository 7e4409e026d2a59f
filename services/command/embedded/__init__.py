"""The product's own Kafka and PostgreSQL: child processes under one state directory, reachable from this machine only.

async with embedded.start(state_dir) as addresses:
    ...  # addresses.kafka_bootstrap, addresses.database_url
"""

from services.command.embedded.children import CannotStart, ChildFailed
from services.command.embedded.servers import start
from services.command.embedded.state import Addresses, AlreadyRunning, addresses_in_use, stop_running

__all__ = ["Addresses", "AlreadyRunning", "CannotStart", "ChildFailed", "addresses_in_use", "start", "stop_running"]
