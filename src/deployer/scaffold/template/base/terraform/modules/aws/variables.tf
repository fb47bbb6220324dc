variable "name" {
  description = "The cluster's name, as its folder in config/clusters has it."
  type        = string
  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,28}[a-z0-9])?$", var.name))
    error_message = "A name has at most 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "region" {
  description = "The region of all that is built here, such as eu-west-1. It is the provider's, too."
  type        = string
}

variable "zones" {
  description = "At least two zones of the region. Core nodes and disks are in the first; a pool may name others."
  type        = list(string)
  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 6 && alltrue([for zone in var.zones : startswith(zone, var.region)])
    error_message = "EKS wants two zones or more, all of them in the region."
  }
}

variable "tags" {
  description = "Tags on all that can have them, to tell costs apart."
  type        = map(string)
  default     = {}
}

variable "network" {
  description = "The network's addresses, and whether each zone has a NAT gateway of its own: survives the loss of one, and costs more. Flow logs are kept as long as the cluster's logs."
  type = object({
    cidr         = optional(string, "10.0.0.0/16")
    nat_per_zone = optional(bool, false)
    flow_logs    = optional(bool, false)
  })
  default = {}
}

variable "kubernetes" {
  description = "The version of Kubernetes, and whether an old one may run on for money (EXTENDED) or is upgraded when its support ends (STANDARD)."
  type = object({
    version = optional(string, "1.35")
    support = optional(string, "STANDARD")
  })
  default = {}
  validation {
    condition     = contains(["STANDARD", "EXTENDED"], var.kubernetes.support)
    error_message = "The support is STANDARD or EXTENDED."
  }
}

variable "api_access" {
  description = "Networks (CIDR) that reach the Kubernetes API from outside. Without one: nobody does, only the cluster's own network."
  type        = map(string)
  default     = {}
}

variable "deletion_protection" {
  description = "The clouds' own guard against deletion of cluster and storage, beside prevent_destroy."
  type        = bool
  default     = true
}

variable "core_nodes" {
  description = "Nodes for hubs, ingress and monitoring."
  type = object({
    machine_type = optional(string, "r6i.large")
    min          = optional(number, 1)
    max          = optional(number, 4)
    disk_gb      = optional(number, 50)
  })
  default = {}
  validation {
    condition     = var.core_nodes.min >= 1
    error_message = "Hubs need at least one core node."
  }
}

variable "node_pools" {
  description = "Nodes for users' servers (purpose user) and Dask workers (purpose worker), by pool: none while nobody needs them. A machine type with GPUs wants gpu; one with a Graviton processor wants arch arm64."
  type = map(object({
    machine_type = string
    purpose      = optional(string, "user")
    min          = optional(number, 0)
    max          = optional(number, 20)
    disk_gb      = optional(number, 100)
    disk_type    = optional(string, "gp3")
    spot         = optional(bool, false)
    gpu          = optional(bool, false)
    arch         = optional(string, "x86_64")
    zones        = optional(list(string))
    labels       = optional(map(string), {})
  }))
  default = { user = { machine_type = "r6i.xlarge" } }
  validation {
    condition     = alltrue([for pool in values(var.node_pools) : contains(["user", "worker"], pool.purpose)])
    error_message = "A pool's purpose is user or worker."
  }
  validation {
    condition     = alltrue([for pool in values(var.node_pools) : pool.min >= 0 && pool.max >= pool.min])
    error_message = "A pool's max is at least its min."
  }
}

variable "home_storage" {
  description = "Storage for home directories. Kind efs is NFS as a service, paid by what is stored; kind disk is a disk for an NFS server inside the cluster. EFS is backed up by AWS Backup's own plan, for 35 days."
  type = map(object({
    kind           = optional(string, "efs")
    gb             = optional(number)
    disk_type      = optional(string, "gp3")
    retention_days = optional(number, 14)
    ia_after_days  = optional(number, 30)
  }))
  default = { homes = {} }
  validation {
    condition     = alltrue([for store in values(var.home_storage) : contains(["efs", "disk"], store.kind)])
    error_message = "A kind of home storage is efs or disk."
  }
  validation {
    condition     = alltrue([for store in values(var.home_storage) : store.kind != "disk" || store.gb != null])
    error_message = "A disk has a size: gb."
  }
  validation {
    condition     = alltrue([for store in values(var.home_storage) : store.retention_days >= 1])
    error_message = "Back-ups are kept for a day at least."
  }
}

variable "hubs" {
  description = "What each hub needs of the cloud: its own buckets, and an identity for each role of its pods. Reads and writes name a bucket of the hub, another hub's as HUB/BUCKET, or a foreign one as s3://NAME, whose owner must let the role in as well. With requester_pays nothing is granted that was not before: this account is charged where programs say with each request that it may be."
  type = map(object({
    buckets = optional(map(object({
      name              = optional(string)
      delete_after_days = optional(number)
      archive_days      = optional(number)
      versioning        = optional(bool, false)
    })), {})
    roles = optional(map(object({
      service_account = optional(string)
      read            = optional(list(string), [])
      write           = optional(list(string), [])
      requester_pays  = optional(bool, false)
    })), {})
  }))
  default = {}
  validation {
    condition = alltrue(flatten([for hub, it in var.hubs : [for role in values(it.roles) : [
      for bucket in concat(role.read, role.write) : startswith(bucket, "s3://")
      || contains(keys(it.buckets), bucket)
      || contains(flatten([for other, its in var.hubs : [for key in keys(its.buckets) : "${other}/${key}"]]), bucket)
    ]]]))
    error_message = "What a role reads and writes is a bucket of its hub, another hub's as HUB/BUCKET, or s3://NAME."
  }
  validation {
    condition = (length(flatten([for it in values(var.hubs) : keys(it.roles)]))
    == length(distinct(flatten([for hub, it in var.hubs : [for role in keys(it.roles) : role == "user" ? hub : "${hub}-${role}"]]))))
    error_message = "Two identities would have one name: call a hub or a role otherwise."
  }
  validation {
    condition     = alltrue(flatten([for it in values(var.hubs) : [for role, r in it.roles : !contains(["user", "admin"], role) || r.service_account == null]]))
    error_message = "The chart knows user and admin as user-sa and admin-sa: give a service account to other roles only."
  }
  validation {
    condition = length(setintersection(["cluster", "nodes", "cni", "ebs", "autoscaler", "snapshots", "flow-logs", "deployer", "planner"],
    flatten([for hub, it in var.hubs : [for role in keys(it.roles) : role == "user" ? hub : "${hub}-${role}"]]))) == 0
    error_message = "A role of the cluster's own is called so: no hub is cluster, nodes, cni, ebs, autoscaler, snapshots, flow-logs, deployer or planner."
  }
}

variable "registry" {
  description = "A registry for images; those without a tag are deleted after so many days."
  type = object({
    enabled            = optional(bool, true)
    untagged_keep_days = optional(number, 30)
  })
  default = {}
}

variable "ci" {
  description = "Who may deploy and who may plan, as subjects of the CI's OIDC tokens (repo:OWNER/REPO:ref:refs/heads/main). An account knows an issuer once: where another cluster's Terraform has made it, give its ARN as provider_arn. A key is a secret that never expires: only where the CI knows no OIDC."
  type = object({
    issuer          = optional(string, "https://token.actions.githubusercontent.com")
    audience        = optional(string, "sts.amazonaws.com")
    provider_arn    = optional(string)
    deploy_subjects = optional(list(string), [])
    plan_subjects   = optional(list(string), [])
    state_bucket    = optional(string)
    key             = optional(bool, false)
  })
  default = {}
  validation {
    condition     = alltrue([for subject in concat(var.ci.deploy_subjects, var.ci.plan_subjects) : !strcontains(subject, "*")])
    error_message = "Subjects are whole: a wildcard would let other repositories in."
  }
  validation {
    condition     = !var.ci.key || length(var.ci.plan_subjects) == 0
    error_message = "The state would hold the deployer's key, and planners read the state: key or plan_subjects, not both."
  }
}

variable "budget" {
  description = "The sum per month, in US dollars and of the whole account, that alerts are sent for at these shares of it (in per cent). Without one there is no alert."
  type = object({
    amount     = number
    emails     = list(string)
    thresholds = optional(list(number), [50, 90, 100])
  })
  default = null
  validation {
    condition     = var.budget == null ? true : length(var.budget.emails) > 0
    error_message = "An alert needs somebody to go to: emails."
  }
}

variable "logging" {
  description = "Which of the control plane's logs are kept (api, audit, authenticator, controllerManager, scheduler), and for how many days. The audit log is the dear one."
  type = object({
    logs           = optional(list(string), ["authenticator"])
    retention_days = optional(number, 30)
  })
  default = {}
}
