"""The community's chart, zero-to-jupyterhub 4.x, as data: its keys, and its defaults that matter here. Pure.

Only names and types of keys are the chart's; what becomes of them is ours.
"""

from __future__ import annotations

import re
from typing import Any

CHART_VERSION = "4.4.0"

_IMAGE = "{name,tag,pullPolicy,pullSecrets}"
_POLICY = (
    "{enabled,ingress,egress,interNamespaceAccessLabels,allowedIngressPorts,"
    "egressAllowRules.{cloudMetadataServer,dnsPortsCloudMetadataServer,dnsPortsKubeSystemNamespace,"
    "dnsPortsPrivateIPs,nonPrivateIPs,privateIPs}}"
)
_PDB = "{enabled,maxUnavailable,minAvailable}"
_ACCOUNT = "{create,name,annotations}"
_HOOKS = "{postStart,preStop}"
_PLACING = "{required,preferred}"
_STRATEGY = "{type,rollingUpdate}"

# One line a group: treatment, keys (braces list alternatives, as in a shell), note.
# "*" is a name that the user chooses.
TABLE = f"""
K {{enabled,fullnameOverride,nameOverride}} | how the chart and its resources are named
K imagePullSecret.{{create,automaticReferenceInjection,registry,username,password,email}} | there are no images
K imagePullSecrets | there are no images
T custom | snippets read it with z2jh.get_config
A debug.enabled | the hub and users' servers log in detail
K global.safeToShowValues | only the chart's own messages
K rbac.{{create,enabled}} | permissions within a cluster

A hub.concurrentSpawnLimit | JupyterHub.concurrent_spawn_limit
A hub.activeServerLimit | JupyterHub.active_server_limit
A hub.allowNamedServers | JupyterHub.allow_named_servers
A hub.namedServerLimitPerUser | JupyterHub.named_server_limit_per_user
A hub.authenticatePrometheus | JupyterHub.authenticate_prometheus
A hub.redirectToServer | JupyterHub.redirect_to_server
A hub.shutdownOnLogout | JupyterHub.shutdown_on_logout
A hub.templateVars | JupyterHub.template_vars
A hub.baseUrl | JupyterHub.base_url, in the proxy's routes too
A hub.consecutiveFailureLimit | Spawner.consecutive_failure_limit
T hub.config | each class and trait is checked and set; see the page on log-in for authenticators
T hub.cookieSecret | generated once per hub and kept in its state
T hub.extraConfig | run in the order of their names; one that needs Kubernetes is skipped by name
T hub.extraEnv | environment of the hub; what refers to a secret or a config map of a cluster is left out
T hub.extraFiles.*.{{mountPath,data,stringData,binaryData,mode}} | below files/ in the hub's state folder
T hub.templatePaths | a path that an extra file fills is found in the hub's state folder
T hub.services | the key is the name, a token is made where none is given, commands run as children of the hub
A hub.loadRoles | JupyterHub.load_roles, the key is the name
T hub.db.{{type,url,password,upgrade}} | always one sqlite file per hub, upgraded at start
K hub.db.pvc.{{annotations,selector,storage,accessModes,storageClassName,subPath}} | the database is a file
K hub.existingSecret | a secret in a cluster
K hub.{{command,args}} | how the hub's container starts
K hub.image.{_IMAGE} | the hub runs in the deployer's own Python environment
K hub.networkPolicy.{_POLICY} | everything listens on loopback only
K hub.pdb.{_PDB} | there are no pods
K hub.service.{{type,annotations,extraPorts,loadBalancerIP,ipFamilies,ipFamilyPolicy}} | there are no services
K hub.service.ports.{{nodePort,appProtocol}} | ports are chosen free
K hub.serviceAccount.{_ACCOUNT} | permissions within a cluster
K hub.lifecycle.{_HOOKS} | there are no containers
K hub.deploymentStrategy.{_STRATEGY} | one process, restarted
K hub.{{labels,annotations,initContainers,extraContainers}} | there are no pods
K hub.{{extraVolumes,extraVolumeMounts,extraPodSpec}} | there are no pods
K hub.{{nodeSelector,tolerations,resources,podSecurityContext,containerSecurityContext,fsGid}} | there are no pods
K hub.{{livenessProbe,readinessProbe}} | the deployer checks the hub's health itself
K hub.revisionHistoryLimit | the deployer keeps its own revisions

T proxy.secretToken | generated once per hub and kept in its state
K proxy.chp.{{extraCommandLineFlags,extraEnv,defaultTarget,errorTarget}} | the proxy is started by the deployer
K proxy.chp.{{revisionHistoryLimit,nodeSelector,tolerations,containerSecurityContext,resources}} | there are no pods
K proxy.chp.{{livenessProbe,readinessProbe,extraPodSpec}} | there are no pods
K proxy.chp.networkPolicy.{_POLICY} | everything listens on loopback only
K proxy.chp.pdb.{_PDB} | there are no pods
K proxy.chp.image.{_IMAGE} | the proxy is a process
K proxy.service.{{type,labels,annotations,disableHttpPort,extraPorts,externalIPs,ipFamilies}} | there are no services
K proxy.service.{{ipFamilyPolicy,loadBalancerIP,loadBalancerSourceRanges}} | there are no services
K proxy.service.nodePorts.{{http,https}} | ports are chosen free
K proxy.https.{{enabled,type,hosts}} | loopback needs no certificates
K proxy.https.letsencrypt.{{contactEmail,acmeServer}} | loopback needs no certificates
K proxy.https.manual.{{key,cert}} | loopback needs no certificates
K proxy.https.secret.{{name,key,crt}} | loopback needs no certificates
K proxy.traefik.{{revisionHistoryLimit,labels,extraInitContainers,extraEnv,nodeSelector,tolerations}} | no certificates
K proxy.traefik.{{containerSecurityContext,extraDynamicConfig,extraPorts,extraStaticConfig}} | no certificates
K proxy.traefik.{{extraVolumes,extraVolumeMounts,resources,extraPodSpec}} | no certificates
K proxy.traefik.networkPolicy.{_POLICY} | everything listens on loopback only
K proxy.traefik.pdb.{_PDB} | there are no pods
K proxy.traefik.hsts.{{includeSubdomains,maxAge,preload}} | loopback needs no certificates
K proxy.traefik.image.{_IMAGE} | no certificates
K proxy.traefik.serviceAccount.{_ACCOUNT} | permissions within a cluster
K proxy.secretSync.{{containerSecurityContext,resources,image.{_IMAGE}}} | no certificates
K proxy.{{labels,annotations}} | there are no pods
K proxy.deploymentStrategy.{_STRATEGY} | one process, restarted

A singleuser.defaultUrl | Spawner.default_url
A singleuser.startTimeout | Spawner.start_timeout, in seconds
T singleuser.cmd | the Jupyter server of this environment; another command where this machine has it
T singleuser.extraEnv | environment of users' servers; what refers to a secret or a config map of a cluster is left out
T singleuser.memory.{{limit,guarantee}} | MEM_LIMIT and MEM_GUARANTEE in the environment; nothing enforces them
T singleuser.cpu.{{limit,guarantee}} | CPU_LIMIT and CPU_GUARANTEE in the environment; nothing enforces them
T singleuser.profileList | an options form; of the overrides those that make sense here apply
T singleuser.extraFiles.*.{{mountPath,data,stringData,binaryData,mode}} | those below the home, in each user's home
T singleuser.storage.type | a folder per user that is kept; with "none" it is emptied before each start
T singleuser.storage.homeMountPath | extra files below it go to the user's home
K singleuser.storage.{{capacity,extraLabels,extraVolumes,extraVolumeMounts}} | homes are folders
K singleuser.storage.dynamic.{{pvcNameTemplate,storageAccessModes,storageClass,subPath}} | homes are folders
K singleuser.storage.dynamic.volumeNameTemplate | homes are folders
K singleuser.storage.static.{{pvcName,subPath}} | homes are folders
K singleuser.image.{_IMAGE} | users' servers run in the deployer's own Python environment
K singleuser.networkPolicy.{_POLICY} | everything listens on loopback only
K singleuser.cloudMetadata.{{blockWithIptables,ip}} | there is no cloud
K singleuser.networkTools.{{resources,image.{_IMAGE}}} | there is no cloud
K singleuser.{{podNameTemplate,initContainers,extraContainers,extraPodConfig,nodeSelector}} | there are no pods
K singleuser.{{extraTolerations,extraAnnotations,extraLabels,events,serviceAccountName}} | there are no pods
K singleuser.{{allowPrivilegeEscalation,uid,fsGid}} | users' servers run as the user who runs the deployer
K singleuser.extraNodeAffinity.{_PLACING} | there are no nodes
K singleuser.extraPodAffinity.{_PLACING} | there are no nodes
K singleuser.extraPodAntiAffinity.{_PLACING} | there are no nodes
K singleuser.extraResource.{{limits,guarantees}} | there are no pods
K singleuser.lifecycleHooks.{_HOOKS} | there are no containers

A cull.{{enabled,users,adminUsers,removeNamedServers}} | jupyterhub-idle-culler's options
A cull.{{timeout,every,concurrency,maxAge}} | jupyterhub-idle-culler's options

K scheduling.userScheduler.{{enabled,revisionHistoryLimit,replicas}} | there are no nodes
K scheduling.userScheduler.{{nodeSelector,tolerations,labels}} | there are no nodes
K scheduling.userScheduler.{{annotations,containerSecurityContext,logLevel,plugins,pluginConfig}} | there are no nodes
K scheduling.userScheduler.{{resources,extraPodSpec}} | there are no nodes
K scheduling.userScheduler.image.{_IMAGE} | there are no nodes
K scheduling.userScheduler.pdb.{_PDB} | there are no nodes
K scheduling.userScheduler.serviceAccount.{_ACCOUNT} | there are no nodes
K scheduling.podPriority.{{enabled,globalDefault,defaultPriority}} | there are no nodes
K scheduling.podPriority.{{imagePullerPriority,userPlaceholderPriority}} | there are no nodes
K scheduling.userPlaceholder.{{enabled,revisionHistoryLimit,replicas,labels,annotations}} | there are no nodes
K scheduling.userPlaceholder.{{resources,containerSecurityContext,extraPodSpec,image.{_IMAGE}}} | there are no nodes
K scheduling.{{corePods,userPods}}.{{tolerations,nodeAffinity.matchNodePurpose}} | there are no nodes

K ingress.{{enabled,annotations,ingressClassName,hosts}} | the local ingress names hosts itself
K ingress.{{pathSuffix,pathType,tls,extraPaths}} | the local ingress names hosts itself
K httpRoute.{{enabled,annotations,hostnames}} | the local ingress names hosts itself
K httpRoute.gateway.{{name,namespace,sectionName}} | the local ingress names hosts itself

K prePuller.{{revisionHistoryLimit,labels,annotations,resources,extraTolerations}} | there are no images
K prePuller.{{containerSecurityContext,pullProfileListImages}} | there are no images
K prePuller.extraImages.*.{{name,tag,pullPolicy}} | there are no images
K prePuller.hook.{{enabled,pullOnlyOnChanges,podSchedulingWaitDuration,nodeSelector,tolerations}} | there are no images
K prePuller.hook.{{containerSecurityContext,resources,daemonsetAnnotations,image.{_IMAGE}}} | there are no images
K prePuller.hook.{{serviceAccount,serviceAccountImagePuller}}.{_ACCOUNT} | there are no images
K prePuller.continuous.{{enabled,daemonsetAnnotations,serviceAccount.{_ACCOUNT}}} | there are no images
K prePuller.pause.{{containerSecurityContext,image.{_IMAGE}}} | there are no images
"""

# Short names of authenticators that need nothing from outside: they run as they are.
LOCAL_LOGINS = frozenset({"dummy", "native", "firstuse", "tmp", "shared-password", "null"})
LOCAL_CLASSES = re.compile(r"(Dummy|Null|SharedPassword|FirstUse|Native|Tmp)Authenticator$")
OUTSIDE_CLASSES = re.compile(
    r"OAuth|OpenID|LTI|LDAP|PAM|CAS|SAML|JWT|Kerberos|Local|RemoteUser|Mediawiki", re.IGNORECASE
)
REPLACED_LOGINS = {
    "auth0": "Auth0OAuthenticator",
    "azuread": "AzureAdOAuthenticator",
    "bitbucket": "BitbucketOAuthenticator",
    "cilogon": "CILogonOAuthenticator",
    "default": "PAMAuthenticator",
    "generic-oauth": "GenericOAuthenticator",
    "github": "GitHubOAuthenticator",
    "gitlab": "GitLabOAuthenticator",
    "globus": "GlobusOAuthenticator",
    "google": "GoogleOAuthenticator",
    "hashed-password": "HashedPasswordAuthenticator",
    "ldap": "LDAPAuthenticator",
    "lti11": "LTI11Authenticator",
    "lti13": "LTI13Authenticator",
    "mediawiki": "MWOAuthenticator",
    "okpy": "OkpyOAuthenticator",
    "openshift": "OpenShiftOAuthenticator",
    "pam": "PAMAuthenticator",
}
# What of a profile's overrides applies here.
PROFILE_OVERRIDES = frozenset({
    "args", "cmd", "cpu_guarantee", "cpu_limit", "default_url", "environment", "http_timeout", "mem_guarantee",
    "mem_limit", "start_timeout",
})  # fmt: skip
PROFILE_KEYS = frozenset({
    "default", "description", "display_name", "kubespawner_override", "profile_options", "slug",
})  # fmt: skip
OPTION_KEYS = frozenset({"choices", "display_name", "unlisted_choice"})


# What hub.config may say and the deployer decides, for it knows the machine.
OWN_SETTINGS = frozenset({
    ("ConfigurableHTTPProxy", "api_url"),
    ("ConfigurableHTTPProxy", "auth_token"),
    ("ConfigurableHTTPProxy", "should_start"),
    ("CryptKeeper", "keys"),
    ("JupyterHub", "bind_url"),
    ("JupyterHub", "cleanup_proxy"),
    ("JupyterHub", "cleanup_servers"),
    ("JupyterHub", "cookie_secret"),
    ("JupyterHub", "cookie_secret_file"),
    ("JupyterHub", "db_url"),
    ("JupyterHub", "hub_bind_url"),
    ("JupyterHub", "hub_connect_ip"),
    ("JupyterHub", "hub_connect_url"),
    ("JupyterHub", "hub_ip"),
    ("JupyterHub", "hub_port"),
    ("JupyterHub", "ip"),
    ("JupyterHub", "pid_file"),
    ("JupyterHub", "port"),
    ("JupyterHub", "proxy_auth_token"),
    ("JupyterHub", "proxy_class"),
    ("JupyterHub", "services"),
    ("JupyterHub", "spawner_class"),
    ("JupyterHub", "ssl_cert"),
    ("JupyterHub", "ssl_key"),
    ("JupyterHub", "subdomain_host"),
    ("JupyterHub", "public_url"),
})  # fmt: skip

DEFAULTS: dict[str, Any] = {
    "custom": {},
    "debug": {"enabled": False},
    "cull": {
        "enabled": True,
        "users": False,
        "adminUsers": True,
        "removeNamedServers": False,
        "timeout": 3600,
        "every": 600,
        "concurrency": 10,
        "maxAge": 0,
    },
    "hub": {
        "allowNamedServers": False,
        "baseUrl": "/",
        "concurrentSpawnLimit": 64,
        "config": {"JupyterHub": {"admin_access": True, "authenticator_class": "dummy"}},
        "consecutiveFailureLimit": 5,
        "db": {"type": "sqlite-pvc"},
        "extraConfig": {},
        "extraEnv": {},
        "extraFiles": {},
        "loadRoles": {},
        "services": {},
        "templatePaths": [],
        "templateVars": {},
    },
    "singleuser": {
        "cmd": "jupyterhub-singleuser",
        "extraEnv": {},
        "extraFiles": {},
        "memory": {"guarantee": "1G"},
        "profileList": [],
        "startTimeout": 300,
        "storage": {"type": "dynamic", "homeMountPath": "/home/jovyan"},
    },
}
