"""What is masked wherever values or manifests are shown."""

from __future__ import annotations

from typing import Any

PW = "hunter2"

SECRET_KEYS = [
    *("DB_PASS", "MYSQL_PWD", "passwd", "dbPass", "dbpass", "SLACK_WEBHOOK_URL", "GH_PAT", "ghPat", "bearer"),
    *("jwt", "auth", "basic-auth", ".dockerconfigjson", "kubeconfig", "hmac", "otp", "cookie", "sas", "seed"),
    *("license_key", "licenseKey", "tls.key", "AccessKeyId", "sshKeys", "privateKeyPem"),
]

SECRET_VALUES: list[Any] = [
    "ghp_hunter2hunter2",
    "x gho_hunter2hunter2",
    "github_pat_hunter2",
    "glpat-hunter2",
    "xoxb-hunter2",
    "AKIAHUNTER2HUNTER2",
    "sk-hunter2hunter2",
    "https://hooks.slack.com/services/T0/B0/hunter2",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.hunter2",
    "Authorization: Basic hunter2",
    "curl -u me:hunter2 https://x.org",
    "https://me:hunter2@x.org/a",
    "postgresql://hub:hun@ter/hunter2@db:5432/hub",
    "redis://:hunter2@redis",
    "https://hunter2@github.com/a/b",
    "export DB_PASS=hunter2",
    "run --pat hunter2",
    [{"name": "API_TOKEN", "value": PW}],
    [{"name": "DB_PASS", "value": PW}],
    ["--password", PW],
    ["--pat", PW],
    ["-u", "me:hunter2"],
    {"env": [{"name": "GH_PAT", "value": PW}]},
    "-----BEGIN PRIVATE KEY-----\nhunter2",
]
