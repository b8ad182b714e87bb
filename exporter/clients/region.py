"""Region: a service of Amazon Web Services in one region, as settings name it, and what its errors mean.

Source: https://docs.aws.amazon.com/general/latest/gr/rande.html and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CommonErrors.html
"""

from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from exporter.clients.access import Addressed
from exporter.clients.api import Api
from exporter.clients.aws import Signature
from exporter.errors import Denied, PollError, Throttled
from exporter.fields import Secret

_THROTTLED = ("Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException")
_DENIED = (
    "AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature",
    "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException", "MissingAuthenticationToken",
    "MissingAuthenticationTokenException", "NotAuthorized", "OptInRequired", "RequestExpired", "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)  # fmt: skip
_MEANINGS: dict[str, type[PollError]] = dict.fromkeys(_THROTTLED, Throttled) | dict.fromkeys(_DENIED, Denied)


class Region(Addressed):
    """Where a service of AWS is asked, and as whom."""

    endpoint: ClassVar[str]
    """The first part of the service's host name."""

    region: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)+$")
    """The region, such as `eu-west-1`."""
    url: str = ""
    """Its address; the service's own in that region unless given, for an endpoint in a private network for example."""
    access_key_id: str = ""
    """The key to sign with, beside `secret_access_key`. Without one, credentials are looked for as all programs of AWS do:
    environment, profile, role of the machine."""
    secret_access_key: Secret | None = None
    """The secret of that key."""
    session_token: Secret | None = None
    """The token of a key that was given for a while."""
    profile: str = ""
    """The profile to take from the files of AWS's command line."""

    @model_validator(mode="before")
    @classmethod
    def _at_home(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("url") or not isinstance(data.get("region"), str):
            return data
        domain = "amazonaws.com.cn" if data["region"].startswith("cn-") else "amazonaws.com"
        return {**data, "url": f"https://{cls.endpoint}.{data['region']}.{domain}"}

    @model_validator(mode="after")
    def _has_a_whole_key(self) -> Self:
        if bool(self.access_key_id) != (self.secret_access_key is not None):
            raise ValueError("expected access_key_id and secret_access_key together, or neither")
        if self.access_key_id and self.profile:
            raise ValueError("expected access_key_id or profile, not both")
        return self

    def api(self, service: str, timeout: float) -> Api:
        """A client of the service. Raises `ValueError` when the extra `aws` is not installed."""
        signature = Signature(
            service,
            self.region,
            profile=self.profile,
            access_key_id=self.access_key_id,
            secret_access_key=self.secret_access_key,
            session_token=self.session_token,
        )
        return Api(self.url, self, timeout=timeout, error_name=_error_name, meanings=_MEANINGS, signer=signature)


def _error_name(body: Any) -> object:
    """What AWS calls an error: it may put a namespace before it."""
    name: str = body["__type"]
    return name.rpartition("#")[2]
