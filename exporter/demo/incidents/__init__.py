"""What can go wrong at the demo's company, by name. An incident goes on while a row of shop.incidents has its name and no end.

What it does is done where it would happen: rows of the company's tables (`incidents/rows.py`), answers of its application,
figures of its machine, and programs that end or hang (`incidents/upheavals.py`).
"""

INCIDENTS = {
    "access-denied": "somebody of the company's own tries what is forbidden, three times in five seconds",
    "brute-force": "passwords are guessed, about one a second, and every tenth guess locks an account",
    "certificate": "the website's certificate is replaced by one that ends in five days",
    "conversion-drop": "an advertisement brings ten visitors a second, and not one of them signs up",
    "cpu-load": "the machine's figures say that every processor is busy",
    "database-blocked": "one transaction keeps a table locked, and three others wait for it",
    "database-down": "the database server is stopped; end it on the page of incidents, since its row cannot be reached",
    "disk-full": "the machine's figures say that 3 % of the root file system are left",
    "error-burst": "of the requests to the application's API three in ten end in an error 500",
    "exporter-down": "the exporter is shut down, and started again at the end",
    "job-backlog": "background jobs fail, and those that wait become more",
    "memory-shortage": "the machine's figures say that 4 % of its memory are available",
    "mfa-failures": "second factors are refused, one every two seconds",
    "notification-failures": "messages to users are sent and fail, one a second",
    "payment-outage": "85 of 100 attempts to pay fail, with the reason provider_unavailable",
    "payment-provider-down": "the payment provider's status page reports an outage that nobody has felt yet",
    "realtime-disconnects": "realtime connections break off, and nine in ten attempts to connect again fail",
    "security-breach": "critical findings of security monitoring, one every ten seconds, that nobody deals with",
    "slow-database": "each query of the application takes more than a second",
    "support-spike": "customers write to support, one every five seconds, and nobody answers",
    "traffic-drop": "one request in ten is left of the traffic of the application",
}
"""What each does."""
