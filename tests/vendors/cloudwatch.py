"""CloudWatch in the common tests, on AWS as moto emulates it.

Documented limit: 50 calls a second and region, https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
"""

from tests.vendors.case import Case

CASE = Case(
    kind="cloudwatch",
    settings=lambda url: {
        "url": url,
        "region": "eu-west-1",
        "access_key_id": "AKIAEXAMPLE",
        "secret_access_key": "s3cr3t-access-key",
        "metrics": [
            {
                "name": "cloud_errors",
                "help": "Errors of the balancer.",
                "namespace": "AWS/ApplicationELB",
                "metric": "HTTPCode_Target_5XX_Count",
                "dimensions": {"LoadBalancer": "app/shop/1"},
                "stat": "Sum",
                "nil_to_zero": True,
            }
        ],
    },
    limit_per_hour=50 * 3600,
    emulated=True,
)
