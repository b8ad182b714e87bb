"""Text messages: SNS as moto emulates it, and a sink that subscribed to the topic."""

from collections.abc import Iterator
from contextlib import contextmanager

import botocore.session

from tests.stack import Sink
from tests.vendors.emulator import emulated

_REGION = "eu-west-1"
_KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@contextmanager
def phone(sink: Sink) -> Iterator[dict[str, str]]:
    """What the bundle's receiver `sms` is to know. What SNS hands on comes to the sink's /phone, as to a subscriber by HTTP."""
    with emulated() as url:
        topics = botocore.session.get_session().create_client("sns", _REGION, endpoint_url=url, **_KEYS)
        topic = topics.create_topic(Name="pages")["TopicArn"]
        topics.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"{sink.url}/phone")
        yield {"api_url": url, "topic_arn": topic, "region": _REGION}
