variable "name" {
  description = "The cluster's name, as its folder in config/clusters has it."
  type        = string
  validation {
    condition     = can(regex("^[a-z][-a-z0-9]{2,28}[a-z0-9]$", var.name))
    error_message = "A name has 4 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "subscription_id" {
  description = "The subscription that all of this is charged to. It is the provider's, too."
  type        = string
}

variable "tenant_id" {
  description = "The Entra tenant whose people and identities log in to the cluster."
  type        = string
}

variable "region" {
  description = "The region of all that is built here, such as westeurope."
  type        = string
}

variable "zone" {
  description = "The zone of core nodes and disks: 1, 2 or 3."
  type        = string
  default     = "1"
}

variable "tags" {
  description = "Tags on all that can have them, to tell costs apart."
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
  })
  default = {}
}

variable "kubernetes" {
  description = "The version of Kubernetes (patches follow by themselves), when nodes may be upgraded (UTC), and the control plane's tier: Free, or Standard with a promise of uptime."
  type = object({
    version           = optional(string, "1.35")
    channel           = optional(string, "patch")
    maintenance_day   = optional(string, "Saturday")
    maintenance_start = optional(string, "01:00")
    tier              = optional(string, "Free")
  })
  default = {}
  validation {
    condition     = contains(["patch", "stable", "rapid", "node-image"], var.kubernetes.channel)
    error_message = "The channel is patch, stable, rapid or node-image."
  }
}

variable "api_access" {
  description = "Networks (CIDR) that reach the Kubernetes API from outside. Azure takes an empty list for everybody: so one must be named, if only 0.0.0.0/0."
  type        = map(string)
  validation {
    condition     = length(var.api_access) > 0
    error_message = "Name the networks that reach the Kubernetes API; 0.0.0.0/0 is all of them."
  }
}

variable "deletion_protection" {
  description = "Azure's own guard against deletion (a lock) of home storage, beside prevent_destroy."
  type        = bool
  default     = true
}

variable "core_nodes" {
  description = "Nodes for hubs, ingress and monitoring."
  type = object({
    machine_type = optional(string, "Standard_E2s_v5")
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
  description = "Nodes for users' servers (purpose user) and Dask workers (purpose worker), by pool: none while nobody needs them. A machine type with GPUs wants gpu."
  type = map(object({
    machine_type = string
    purpose      = optional(string, "user")
    min          = optional(number, 0)
    max          = optional(number, 20)
    disk_gb      = optional(number, 100)
    spot         = optional(bool, false)
    gpu          = optional(bool, false)
    zones        = optional(list(string))
    labels       = optional(map(string), {})
  }))
  default = { user = { machine_type = "Standard_E4s_v5" } }
  validation {
    condition     = alltrue([for name in keys(var.node_pools) : can(regex("^[a-z][a-z0-9]{0,11}$", name)) && name != "core"])
    error_message = "Azure wants pools' names of at most 12 lower-case letters and digits; core is taken."
  }
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
  description = "Storage for home directories. Kind files is NFS as a service (Azure Files): what is deleted stays for so many days. Kind disk is a disk for an NFS server inside the cluster, with a snapshot each day."
  type = map(object({
    kind           = optional(string, "files")
    gb             = number
    disk_type      = optional(string, "StandardSSD_LRS")
    replication    = optional(string, "LRS")
    retention_days = optional(number, 14)
  }))
  default = { homes = { gb = 256 } }
  validation {
    condition     = alltrue([for store in values(var.home_storage) : contains(["files", "disk"], store.kind)])
    error_message = "A kind of home storage is files or disk."
  }
  validation {
    condition     = alltrue([for store in values(var.home_storage) : store.kind != "files" || store.gb >= 100])
    error_message = "A premium file share has at least 100 GB."
  }
  validation {
    condition     = alltrue([for store in values(var.home_storage) : store.retention_days >= 1])
    error_message = "Back-ups are kept for a day at least."
  }
}

variable "storage_account_suffix" {
  description = "What makes the names of storage accounts and of the registry unique in all of Azure: lower-case letters and digits."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9]{2,8}$", var.storage_account_suffix))
    error_message = "The suffix has 2 to 8 lower-case letters and digits."
  }
}

variable "hubs" {
  description = "What each hub needs of the cloud: its own buckets, and an identity for each role of its pods. Reads and writes name a bucket of the hub, another hub's as HUB/BUCKET, or a foreign one by its resource id (/subscriptions/…/containers/NAME), which its owner grants, or with grant this Terraform, where you may assign roles there."
  type = map(object({
    buckets = optional(map(object({
      delete_after_days = optional(number)
      archive_days      = optional(number)
    })), {})
    roles = optional(map(object({
      service_account = optional(string)
      read            = optional(list(string), [])
      write           = optional(list(string), [])
      grant           = optional(bool, false)
    })), {})
  }))
  default = {}
  validation {
    condition = alltrue(flatten([for hub, it in var.hubs : [for role in values(it.roles) : [
      for bucket in concat(role.read, role.write) : startswith(bucket, "/subscriptions/")
      || contains(keys(it.buckets), bucket)
      || contains(flatten([for other, its in var.hubs : [for key in keys(its.buckets) : "${other}/${key}"]]), bucket)
    ]]]))
    error_message = "What a role reads and writes is a bucket of its hub, another hub's as HUB/BUCKET, or a resource id."
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
    condition = length(setintersection(["cluster", "nodes", "deployer", "planner"],
    flatten([for hub, it in var.hubs : [for role in keys(it.roles) : role == "user" ? hub : "${hub}-${role}"]]))) == 0
    error_message = "An identity of the cluster's own is called so: no hub is cluster, nodes, deployer or planner."
  }
}

variable "registry" {
  description = "A registry for images. Standard, not Basic, where users' servers start many at a time."
  type = object({
    enabled = optional(bool, true)
    sku     = optional(string, "Basic")
  })
  default = {}
}

variable "ci" {
  description = "Who may deploy and who may plan, as subjects of the CI's OIDC tokens (repo:OWNER/REPO:ref:refs/heads/main). Azure's managed identities have no keys: a CI without OIDC needs a service principal that is made by hand."
  type = object({
    issuer           = optional(string, "https://token.actions.githubusercontent.com")
    deploy_subjects  = optional(list(string), [])
    plan_subjects    = optional(list(string), [])
    state_account_id = optional(string)
    state_container  = optional(string, "terraform")
  })
  default = {}
  validation {
    condition     = alltrue([for subject in concat(var.ci.deploy_subjects, var.ci.plan_subjects) : !strcontains(subject, "*")])
    error_message = "Subjects are whole: a wildcard would let other repositories in."
  }
}

variable "admins" {
  description = "Object ids of the Entra groups or people who administer the cluster."
  type        = list(string)
  default     = []
}

variable "budget" {
  description = "The sum per month, in the subscription's currency, that alerts are sent for at these shares of it (in per cent); start is the first day of a month. Without one there is no alert."
  type = object({
    amount     = number
    start      = string
    emails     = list(string)
    thresholds = optional(list(number), [50, 90, 100])
  })
  default = null
  validation {
    condition     = var.budget == null ? true : can(regex("^[0-9]{4}-[0-9]{2}-01$", var.budget.start))
    error_message = "The start is the first day of a month, such as 2026-01-01."
  }
  validation {
    condition     = var.budget == null ? true : length(var.budget.emails) > 0
    error_message = "An alert needs somebody to go to: emails."
  }
}

variable "logging" {
  description = "Which of the control plane's logs are kept (kube-audit-admin, guard, kube-apiserver, cluster-autoscaler), and for how many days. Pods' logs are what costs: there are none."
  type = object({
    logs           = optional(list(string), ["guard"])
    retention_days = optional(number, 30)
  })
  default = {}
}
