variable "name" {
  description = "The cluster's name, as its folder in config/clusters has it."
  type        = string
  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,28}[a-z0-9])?$", var.name))
    error_message = "A name has at most 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "project" {
  description = "The Google Cloud project's id. It exists already; what is built here lies in it."
  type        = string
}

variable "region" {
  description = "The region of network, storage and buckets, such as europe-west1."
  type        = string
}

variable "zone" {
  description = "The zone of cluster, disks and zonal Filestore, such as europe-west1-b."
  type        = string
}

variable "regional" {
  description = "Spread control plane and core nodes over the region's zones: survives the loss of one, and costs more."
  type        = bool
  default     = false
}

variable "labels" {
  description = "Labels on all that can have them, to tell costs apart."
  type        = map(string)
  default     = {}
}

variable "network" {
  description = "Address ranges of nodes, pods and services, and how many fixed addresses all of them leave from."
  type = object({
    nodes         = optional(string, "10.0.0.0/20")
    pods          = optional(string, "10.4.0.0/14")
    services      = optional(string, "10.8.0.0/20")
    nat_addresses = optional(number, 1)
    flow_logs     = optional(bool, false)
  })
  default = {}
}

variable "kubernetes" {
  description = "The release channel that upgrades follow, the oldest version allowed, and when nodes may be upgraded (UTC)."
  type = object({
    channel           = optional(string, "REGULAR")
    min_version       = optional(string)
    maintenance_start = optional(string, "2026-01-03T01:00:00Z")
    maintenance_end   = optional(string, "2026-01-03T07:00:00Z")
    maintenance_rule  = optional(string, "FREQ=WEEKLY;BYDAY=SA,SU")
  })
  default = {}
  validation {
    condition     = contains(["RAPID", "REGULAR", "STABLE", "EXTENDED"], var.kubernetes.channel)
    error_message = "The channel is RAPID, REGULAR, STABLE or EXTENDED."
  }
}

variable "api_access" {
  description = "Networks (CIDR) that reach the Kubernetes API by its address. Without one: nobody; then only the DNS name works, which asks Google for a permission first."
  type        = map(string)
  default     = {}
}

variable "deletion_protection" {
  description = "The clouds' own guard against deletion of cluster and storage, beside prevent_destroy."
  type        = bool
  default     = true
}

variable "core_nodes" {
  description = "Nodes for hubs, ingress and monitoring; in each zone where the cluster is regional."
  type = object({
    machine_type = optional(string, "n2-highmem-2")
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
  description = "Nodes for users' servers (purpose user) and Dask workers (purpose worker), by pool: none while nobody needs them."
  type = map(object({
    machine_type = string
    purpose      = optional(string, "user")
    min          = optional(number, 0)
    max          = optional(number, 20)
    disk_gb      = optional(number, 100)
    disk_type    = optional(string, "pd-balanced")
    spot         = optional(bool, false)
    gpu          = optional(object({ type = string, count = optional(number, 1) }))
    zones        = optional(list(string))
    labels       = optional(map(string), {})
  }))
  default = { user = { machine_type = "n2-highmem-4" } }
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
  description = "Storage for home directories. Kind filestore is NFS as a service; kind disk is a disk for an NFS server inside the cluster, cheaper below 1 TiB."
  type = map(object({
    kind           = optional(string, "filestore")
    gb             = number
    tier           = optional(string, "BASIC_HDD")
    disk_type      = optional(string, "pd-balanced")
    retention_days = optional(number, 14)
  }))
  default = { homes = { gb = 1024 } }
  validation {
    condition     = alltrue([for store in values(var.home_storage) : contains(["filestore", "disk"], store.kind)])
    error_message = "A kind of home storage is filestore or disk."
  }
  validation {
    condition     = alltrue([for store in values(var.home_storage) : store.retention_days >= 1])
    error_message = "Back-ups are kept for a day at least."
  }
}

variable "hubs" {
  description = "What each hub needs of the cloud: its own buckets, and an identity for each role of its pods. Reads and writes name a bucket of the hub, another hub's as HUB/BUCKET, or a foreign one as gs://NAME, which its owner grants, or with grant this Terraform, where you may say who reads it. With requester_pays this project may be charged for what is read: programs name it with each request."
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
      grant           = optional(bool, false)
    })), {})
  }))
  default = {}
  validation {
    condition = alltrue(flatten([for hub, it in var.hubs : [for role in values(it.roles) : [
      for bucket in concat(role.read, role.write) : startswith(bucket, "gs://")
      || contains(keys(it.buckets), bucket)
      || contains(flatten([for other, its in var.hubs : [for key in keys(its.buckets) : "${other}/${key}"]]), bucket)
    ]]]))
    error_message = "What a role reads and writes is a bucket of its hub, another hub's as HUB/BUCKET, or gs://NAME."
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
    condition = length(setintersection(["nodes", "deployer", "planner"],
    flatten([for hub, it in var.hubs : [for role in keys(it.roles) : role == "user" ? hub : "${hub}-${role}"]]))) == 0
    error_message = "An account of the cluster's own is called so: no hub is nodes, deployer or planner."
  }
  validation {
    condition     = alltrue(flatten([for hub, it in var.hubs : [for role in keys(it.roles) : length("${var.name}-${hub}${role == "user" ? "" : "-${role}"}") >= 6]]))
    error_message = "Google wants at least 6 characters in an account's name, which is CLUSTER-HUB: call the hub otherwise."
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
  description = "Who may deploy and who may plan, as subjects of the CI's OIDC tokens (repo:OWNER/REPO:ref:refs/heads/main). A key is a secret that never expires: only where the CI knows no OIDC."
  type = object({
    issuer          = optional(string, "https://token.actions.githubusercontent.com")
    deploy_subjects = optional(list(string), [])
    plan_subjects   = optional(list(string), [])
    state_bucket    = optional(string)
    key             = optional(bool, false)
  })
  default = {}
  validation {
    condition     = alltrue([for subject in concat(var.ci.deploy_subjects, var.ci.plan_subjects) : !strcontains(subject, "*") && !strcontains(subject, "'")])
    error_message = "Subjects are whole: a wildcard would let other repositories in."
  }
  validation {
    condition     = !var.ci.key || length(var.ci.plan_subjects) == 0
    error_message = "The state would hold the deployer's key, and planners read the state: key or plan_subjects, not both."
  }
}

variable "budget" {
  description = "The sum per month that alerts are sent for, at these shares of it. Without one there is no alert."
  type = object({
    billing_account = string
    amount          = number
    currency        = optional(string, "USD")
    emails          = optional(list(string), [])
    thresholds      = optional(list(number), [0.5, 0.9, 1.0])
  })
  default = null
}

variable "logging" {
  description = "What the cluster logs and measures with the cloud. Pods' logs (WORKLOADS) are what costs: they are left out."
  type = object({
    logs           = optional(list(string), ["SYSTEM_COMPONENTS"])
    metrics        = optional(list(string), ["SYSTEM_COMPONENTS"])
    retention_days = optional(number, 30)
  })
  default = {}
}
