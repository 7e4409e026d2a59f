"""Fetch Kafka's jars ahead of time: `make setup` does, so that the first start needs no network."""

import sys

from services.command.embedded.jars import JarsUnavailable, kafka_class_path

try:
    kafka_class_path()
except JarsUnavailable as error:
    sys.exit(str(error))
